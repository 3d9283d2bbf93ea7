import passport from 'passport'
import OAuth2Strategy from 'passport-oauth2'

export default ({ app, sessions, me, issuer, clientID, clientSecret, base }) => {
  passport.use(new OAuth2Strategy({
    authorizationURL: `${issuer}/o/authorize/`, tokenURL: `${issuer}/o/token/`,
    clientID, clientSecret, callbackURL: `${base}/callback`, scope: 'chatbot:read',
    pkce: true, state: true,
  }, (accessToken, refreshToken, profile, done) => done(null, { accessToken })))
  passport.serializeUser((user, done) => done(null, user))
  app.use(sessions())
  app.get('/login', passport.authenticate('oauth2'))
  app.get('/callback', passport.authenticate('oauth2'), async (request, response) => {
    response.json({ me: await me(request.user.accessToken) })
  })
}
