import { ExpressAuth, getSession } from '@auth/express'

export default ({ app, me, issuer, clientID, clientSecret }) => {
  const config = {
    secret: 'a secret of this test', trustHost: true,
    providers: [{
      id: 'gatehouse', name: 'Gatehouse', type: 'oidc', issuer, clientId: clientID, clientSecret,
      authorization: { params: { scope: 'openid profile email chatbot:read' } },
    }],
    callbacks: {
      jwt: ({ token, account, profile }) => (account ? { ...token, accessToken: account.access_token, claims: profile } : token),
      session: ({ session, token }) => ({ ...session, accessToken: token.accessToken, claims: token.claims }),
    },
  }
  app.use('/auth', ExpressAuth(config))
  app.get('/', async (request, response) => {
    const { user, claims, accessToken } = await getSession(request, config)
    response.json({ user: { ...user, sub: claims.sub }, claims, me: await me(accessToken) })
  })
}
