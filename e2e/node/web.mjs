// An application with a server of its own, which a person visits with a browser: web/NAME.mjs on the address BASE. Its pages answer in JSON, for the test to read.
import express from 'express'
import session from 'express-session'

const { ISSUER, API, CLIENT_ID, CLIENT_SECRET, BASE } = process.env

// me is what the API says about a token.
const me = async (accessToken) => {
  const response = await fetch(new URL('/api/me/', API), { headers: { Authorization: `Bearer ${accessToken}` } })
  if (!response.ok) throw new Error(`/api/me/ answers ${response.status}`)
  return response.json()
}

const { default: mount } = await import(`./web/${process.argv[2]}.mjs`)
const app = express()
const sessions = () => session({ secret: 'of this test', resave: false, saveUninitialized: false })
await mount({ app, sessions, me, issuer: ISSUER, clientID: CLIENT_ID, clientSecret: CLIENT_SECRET, base: BASE })
app.use((error, request, response, next) => {
  response.status(500).json({ error: error.code ?? error.message, description: error.stack })
})
const { hostname, port } = new URL(BASE)
app.listen(port, hostname)
