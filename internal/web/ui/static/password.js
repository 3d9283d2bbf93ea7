// Shows what was typed into a password field, and hides it again. Without this, it stays hidden.
for (const button of document.querySelectorAll('button[data-hide]')) {
  const field = document.getElementById(button.getAttribute('aria-controls'));
  const show = button.textContent;
  const set = (shown) => {
    field.type = shown ? 'text' : 'password';
    button.textContent = shown ? button.dataset.hide : show;
  };
  button.hidden = false;
  button.addEventListener('click', () => set(field.type === 'password'));
  // What is sent, and what the browser keeps of the page, is a password: it is not among the suggestions for a field of text.
  field.form.addEventListener('submit', () => set(false));
  window.addEventListener('pagehide', () => set(false));
}
