// A third-party application with openid-client. It prints the authorization URL, reads the redirect, and prints the result. Its configuration
// comes from the environment.
import { createInterface } from 'node:readline/promises'
import * as client from 'openid-client'

const { ISSUER, API, CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, AUTH_METHOD } = process.env

const authentication = {
  client_secret_basic: () => client.ClientSecretBasic(CLIENT_SECRET),
  client_secret_post: () => client.ClientSecretPost(CLIENT_SECRET),
  none: () => client.None(),
}[AUTH_METHOD]

const config = await client.discovery(new URL(ISSUER), CLIENT_ID, undefined, authentication(), {
  algorithm: 'oauth2',
  execute: [client.allowInsecureRequests], // plain HTTP, on loopback
})

const pkceCodeVerifier = client.randomPKCECodeVerifier()
const expectedState = client.randomState()
const url = client.buildAuthorizationUrl(config, {
  redirect_uri: REDIRECT_URI,
  scope: 'chatbot:read session:read',
  code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
  code_challenge_method: 'S256',
  state: expectedState,
})
console.log(url.href)

const terminal = createInterface({ input: process.stdin })
const answer = new URL(await new Promise((resolve) => terminal.once('line', resolve)))
terminal.close()

try {
  const tokens = await client.authorizationCodeGrant(config, answer, { pkceCodeVerifier, expectedState })
  const response = await client.fetchProtectedResource(config, tokens.access_token, new URL('/api/me/', API), 'GET')
  console.log(JSON.stringify({ tokens, me: await response.json() }))
} catch (error) {
  if (!(error instanceof client.AuthorizationResponseError || error instanceof client.ResponseBodyError || error instanceof client.ClientError)) {
    throw error
  }
  // Errors found by openid-client have a cause; errors of the server have an error code.
  console.log(JSON.stringify({ error: error.error ?? error.code, description: error.error_description ?? error.cause?.message ?? error.message }))
}
