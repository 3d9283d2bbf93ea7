"use strict";

const place = document.getElementById("swagger");
const ui = SwaggerUIBundle({
  url: "/api/schema/",
  dom_id: "#swagger",
  oauth2RedirectUrl: place.dataset.redirectUrl,
  validatorUrl: null, // do not send the document to a validator
  docExpansion: "list",
  defaultModelsExpandDepth: -1,
});
ui.initOAuth({
  clientId: place.dataset.clientId,
  scopes: place.dataset.scopes,
  usePkceWithAuthorizationCodeGrant: true,
});
