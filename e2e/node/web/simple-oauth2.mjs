import { createHash, randomBytes } from 'node:crypto'
import { AuthorizationCode } from 'simple-oauth2'

// simple-oauth2 has no setting for PKCE: the application makes the pair, and passes each half on.
export default ({ app, sessions, me, issuer, clientID, clientSecret, base }) => {
  const client = new AuthorizationCode({
    client: { id: clientID, secret: clientSecret },
    auth: { tokenHost: issuer, tokenPath: '/o/token/', revokePath: '/o/revoke_token/', authorizePath: '/o/authorize/' },
  })
  app.use(sessions())
  app.get('/login', (request, response) => {
    const verifier = request.session.verifier = randomBytes(32).toString('base64url')
    const state = request.session.state = randomBytes(16).toString('base64url')
    response.redirect(client.authorizeURL({
      redirect_uri: `${base}/callback`, scope: 'chatbot:read', state,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256',
    }))
  })
  app.get('/callback', async (request, response) => {
    const { verifier, state } = request.session
    if (request.query.state !== state) throw new Error('the state is another')
    const first = await client.getToken({ code: request.query.code, redirect_uri: `${base}/callback`, code_verifier: verifier })
    const renewed = await first.refresh()
    const answer = { me: await me(renewed.token.access_token), refreshed: renewed.token.access_token !== first.token.access_token }
    await renewed.revoke('refresh_token')
    answer.revoked = await renewed.refresh().then(() => 'still works', (error) => error.data.payload.error)
    response.json(answer)
  })
}
