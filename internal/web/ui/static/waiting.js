// Asks every few seconds whether an admin has decided, and then goes on. Without this, the page loads itself again.
const sealed = document.querySelector('input[name="request"]').value;
const address = "/o/consent/status/?" + new URLSearchParams({ request: sealed });
let wait = 4000;
async function ask() {
  try {
    const answer = await fetch(address, { cache: "no-store" });
    if (answer.ok && !(await answer.json()).waits) {
      location.assign("/o/consent/?" + new URLSearchParams({ request: sealed }));
      return;
    }
  } catch {
    // the network is away: ask again later
  }
  wait = Math.min(wait * 1.2, 20000);
  setTimeout(ask, wait);
}
setTimeout(ask, wait);
