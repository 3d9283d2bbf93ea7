// Passkeys: signs in with one, or makes one. Without this script, passwords and codes work.
(() => {
  'use strict';
  const part = document.querySelector('[data-passkey]');
  if (!part || !window.PublicKeyCredential || !navigator.credentials) return;

  const decode = (text) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
  const encode = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
  const known = (list) => (list || []).map((c) => ({ ...c, id: decode(c.id) }));

  const form = part.closest('form');
  const creates = part.dataset.passkey === 'create';
  const publicKey = JSON.parse(part.dataset.options);
  publicKey.challenge = decode(publicKey.challenge);
  if (creates) {
    publicKey.user.id = decode(publicKey.user.id);
    publicKey.excludeCredentials = known(publicKey.excludeCredentials);
  } else {
    publicKey.allowCredentials = known(publicKey.allowCredentials);
  }

  // The credential as JSON, as PublicKeyCredential.toJSON makes it, which not every browser has.
  const written = (c) => {
    const response = { clientDataJSON: encode(c.response.clientDataJSON) };
    if (creates) {
      response.attestationObject = encode(c.response.attestationObject);
      response.transports = c.response.getTransports ? c.response.getTransports() : [];
    } else {
      response.authenticatorData = encode(c.response.authenticatorData);
      response.signature = encode(c.response.signature);
      if (c.response.userHandle) response.userHandle = encode(c.response.userHandle);
    }
    return JSON.stringify({
      id: c.id, rawId: encode(c.rawId), type: c.type, authenticatorAttachment: c.authenticatorAttachment || undefined, clientExtensionResults: {}, response,
    });
  };
  const send = (credential) => {
    form.elements.answer.value = written(credential);
    if (form.elements.password) form.elements.password.value = ''; // a passkey needs none
    form.action = part.dataset.action;
    form.submit();
  };

  const failed = part.querySelector('[data-failed]');
  let waiting = null; // the offer of passkeys in the field for the e-mail address

  part.hidden = false;
  const use = async () => {
    failed.hidden = true;
    if (waiting) waiting.abort();
    try {
      send(await (creates ? navigator.credentials.create({ publicKey }) : navigator.credentials.get({ publicKey })));
    } catch (error) {
      failed.hidden = false;
    }
  };
  part.querySelector('button').addEventListener('click', use);
  if (creates) {
    form.addEventListener('submit', (event) => { // the Enter key in the field for the name
      event.preventDefault();
      use();
    });
  }

  const offer = async () => {
    if (!PublicKeyCredential.isConditionalMediationAvailable || !(await PublicKeyCredential.isConditionalMediationAvailable())) return;
    waiting = new AbortController();
    try {
      send(await navigator.credentials.get({ publicKey, mediation: 'conditional', signal: waiting.signal }));
    } catch (error) {
      // The person has done something else.
    }
  };
  if ('conditional' in part.dataset) offer();
})();
