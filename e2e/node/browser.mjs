// A public application with oauth4webapi. It knows only the API's URL, and finds the authorization server in the API's metadata (RFC 9728). It requests
// tokens for that API (RFC 8707), bound to its key (RFC 9449), and uses, refreshes and revokes them.
import { createInterface } from 'node:readline/promises'
import * as oauth from 'oauth4webapi'

const { API, CLIENT_ID, REDIRECT_URI, DPOP } = process.env
const insecure = { [oauth.allowInsecureRequests]: true } // plain HTTP, on loopback

const resource = new URL(API)
const described = await oauth.processResourceDiscoveryResponse(resource, await oauth.resourceDiscoveryRequest(resource, insecure))
const issuer = new URL(described.authorization_servers[0])
const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure }))

const client = { client_id: CLIENT_ID }
const DPoP = DPOP ? oauth.DPoP(client, await oauth.generateKeyPair(DPOP)) : undefined
const verifier = oauth.generateRandomCodeVerifier()
const state = oauth.generateRandomState()
const url = new URL(as.authorization_endpoint)
const parameters = {
  client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, response_type: 'code', scope: 'chatbot:read session:read', resource: described.resource, state,
  code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
}
if (DPoP) parameters.dpop_jkt = await DPoP.calculateThumbprint()
for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
console.log(url.href)

const terminal = createInterface({ input: process.stdin })
const answer = new URL(await new Promise((resolve) => terminal.once('line', resolve)))
terminal.close()

// withNonce tries again with the nonce that the server requires.
const withNonce = async (attempt) => {
  try {
    return await attempt()
  } catch (error) {
    if (oauth.isDPoPNonceError(error)) return attempt()
    throw error
  }
}
const options = { DPoP, ...insecure }
const parametersOfAnswer = oauth.validateAuthResponse(as, client, answer, state)
const tokens = await withNonce(async () => oauth.processAuthorizationCodeResponse(as, client,
  await oauth.authorizationCodeGrantRequest(as, client, oauth.None(), parametersOfAnswer, REDIRECT_URI, verifier, options)))
const call = (accessToken, path) => oauth.protectedResourceRequest(accessToken, 'GET', new URL(path, API), undefined, undefined, options)
const me = await withNonce(async () => (await call(tokens.access_token, '/api/me/')).json())
const renewed = await withNonce(async () => oauth.processRefreshTokenResponse(as, client,
  await oauth.refreshTokenGrantRequest(as, client, oauth.None(), tokens.refresh_token, options)))
await call(renewed.access_token, '/api/chatbots/')

// A bound token must not work without its key.
let stolen
try {
  await oauth.protectedResourceRequest(renewed.access_token, 'GET', new URL('/api/me/', API), undefined, undefined, insecure)
  stolen = 'accepted'
} catch (error) {
  stolen = error.cause?.map?.(({ scheme, parameters }) => `${scheme} ${parameters.error ?? ''}`.trim()).join(', ') ?? String(error)
}

await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, oauth.None(), renewed.refresh_token, insecure))
let refusal
try {
  await withNonce(async () => oauth.processRefreshTokenResponse(as, client,
    await oauth.refreshTokenGrantRequest(as, client, oauth.None(), renewed.refresh_token, options)))
} catch (error) {
  refusal = error.error
}
console.log(JSON.stringify({ tokens, me, stolen, refusal, rotated: new Set([tokens.refresh_token, renewed.refresh_token]).size, described }))
