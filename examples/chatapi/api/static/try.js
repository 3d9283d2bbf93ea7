"use strict";

const place = document.getElementById("swagger");
const ui = SwaggerUIBundle({
  url: "/api/schema/",
  dom_id: "#swagger",
  oauth2RedirectUrl: place.dataset.redirectUrl,
  validatorUrl: null, // the document goes to nobody else
  docExpansion: "list",
  defaultModelsExpandDepth: -1,
});
ui.initOAuth({
  clientId: place.dataset.clientId,
  scopes: place.dataset.scopes,
  usePkceWithAuthorizationCodeGrant: true,
});
