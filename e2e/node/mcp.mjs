// A client with the Model Context Protocol SDK. It knows the server's URL and its own registration, and discovers everything else.
import { createInterface } from 'node:readline/promises'
import { auth, extractWWWAuthenticateParams } from '@modelcontextprotocol/sdk/client/auth.js'

const { API, CLIENT_ID, CLIENT_SECRET, REDIRECT_URI } = process.env
const serverUrl = new URL('/api/me/', API)

// What the SDK stores between its steps.
const kept = {}
const provider = {
  redirectUrl: REDIRECT_URI,
  clientMetadata: { redirect_uris: [REDIRECT_URI] },
  clientInformation: () => ({ client_id: CLIENT_ID, client_secret: CLIENT_SECRET || undefined, issuer: process.env.ISSUER }),
  state: () => 'st&te',
  tokens: () => kept.tokens,
  saveTokens: (tokens) => { kept.tokens = tokens },
  redirectToAuthorization: (url) => { console.log(url.href) },
  saveCodeVerifier: (verifier) => { kept.verifier = verifier },
  codeVerifier: () => kept.verifier,
}

const refused = await fetch(serverUrl)
const { resourceMetadataUrl } = extractWWWAuthenticateParams(refused)
const options = { serverUrl, resourceMetadataUrl, scope: 'chatbot:read' }
const began = await auth(provider, options)

const terminal = createInterface({ input: process.stdin })
const answer = new URL(await new Promise((resolve) => terminal.once('line', resolve)))
terminal.close()

await auth(provider, { ...options, authorizationCode: answer.searchParams.get('code') })
const tokens = kept.tokens
await auth(provider, options) // uses the refresh token
const response = await fetch(serverUrl, { headers: { Authorization: `Bearer ${kept.tokens.access_token}` } })
console.log(JSON.stringify({
  began, status: refused.status, resourceMetadataUrl, tokens, me: await response.json(), rotated: new Set([tokens.refresh_token, kept.tokens.refresh_token]).size,
}))
