import passport from 'passport'
import OpenIDConnectStrategy from 'passport-openidconnect'

export default ({ app, sessions, me, issuer, clientID, clientSecret, base }) => {
  passport.use(new OpenIDConnectStrategy({
    issuer, authorizationURL: `${issuer}/o/authorize/`, tokenURL: `${issuer}/o/token/`, userInfoURL: `${issuer}/o/userinfo/`,
    clientID, clientSecret, callbackURL: `${base}/callback`, scope: ['profile', 'email', 'chatbot:read'],
    nonce: true,
  }, (iss, profile, context, idToken, accessToken, refreshToken, done) => done(null, { profile, accessToken })))
  passport.serializeUser((user, done) => done(null, user))
  app.use(sessions())
  app.get('/login', passport.authenticate('openidconnect'))
  app.get('/callback', passport.authenticate('openidconnect'), async (request, response) => {
    const { profile, accessToken } = request.user
    response.json({ user: { sub: profile.id, name: profile.displayName, email: profile.emails?.[0].value }, me: await me(accessToken) })
  })
}
