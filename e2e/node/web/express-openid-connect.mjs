import openID from 'express-openid-connect'

export default ({ app, me, issuer, clientID, clientSecret, base }) => {
  app.use(openID.auth({
    issuerBaseURL: issuer, baseURL: base, clientID, clientSecret, secret: 'a secret of this test', idpLogout: true, enableTelemetry: false,
    authorizationParams: { response_type: 'code', scope: 'openid profile email offline_access chatbot:read' },
    routes: { postLogoutRedirect: '/goodbye' }, authRequired: false,
  }))
  app.get('/', openID.requiresAuth(), async (request, response) => {
    const first = request.oidc.accessToken
    const renewed = await first.refresh()
    response.json({
      user: await request.oidc.fetchUserInfo(), claims: request.oidc.idTokenClaims, me: await me(renewed.access_token),
      refreshed: renewed.access_token !== first.access_token,
    })
  })
  app.get('/goodbye', (request, response) => response.json({ signedIn: request.oidc.isAuthenticated() }))
}
