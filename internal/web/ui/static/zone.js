// Suggests the time zone of this device; without this, the person finds it in the list.
const field = document.getElementById("zone");
const button = document.getElementById("device-zone");
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const known = [...field.list.options].some((option) => option.value === zone);
if (known && field.value !== zone) {
  button.querySelector("span").textContent = zone;
  button.parentElement.hidden = false;
  button.addEventListener("click", () => {
    field.value = zone;
    button.parentElement.hidden = true;
    field.focus();
  });
}
