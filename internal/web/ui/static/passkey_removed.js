// Tells the browser that a passkey was removed here, so that it does not offer it any more (WebAuthn §5.1.10.1).
(() => {
  'use strict';
  const removed = document.querySelector('[data-unknown-passkey]');
  if (!removed || !window.PublicKeyCredential || !PublicKeyCredential.signalUnknownCredential) return;
  PublicKeyCredential.signalUnknownCredential({ rpId: removed.dataset.host, credentialId: removed.dataset.unknownPasskey }).catch(() => {});
})();
