// A connection from start to end with openid-client: discovery, an authorization request (pushed if PAR is set), tokens (bound to a key if DPOP is set), ID token,
// UserInfo, an API call, refresh, introspection, revocation, sign-out. If KEY is set, it is a private JWK for client authentication instead of a secret.
import { createInterface } from 'node:readline/promises'
import * as client from 'openid-client'

const { ISSUER, API, CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, KEY, PAR, DPOP } = process.env

async function authentication() {
  if (!KEY) return client.ClientSecretBasic(CLIENT_SECRET)
  const { alg, kid, ...jwk } = JSON.parse(KEY)
  const algorithm = { ES256: { name: 'ECDSA', namedCurve: 'P-256' }, RS256: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } }[alg]
  return client.PrivateKeyJwt({ key: await crypto.subtle.importKey('jwk', jwk, algorithm, false, ['sign']), kid })
}

const config = await client.discovery(new URL(ISSUER), CLIENT_ID, undefined, await authentication(), { execute: [client.allowInsecureRequests] })
const DPoP = DPOP ? client.getDPoPHandle(config, await client.randomDPoPKeyPair(DPOP)) : undefined

const pkceCodeVerifier = client.randomPKCECodeVerifier()
const expectedState = client.randomState()
const expectedNonce = client.randomNonce()
const build = PAR ? client.buildAuthorizationUrlWithPAR : client.buildAuthorizationUrl
const url = await build(config, {
  redirect_uri: REDIRECT_URI,
  scope: 'openid profile email offline_access chatbot:read session:read',
  code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
  code_challenge_method: 'S256',
  state: expectedState,
  nonce: expectedNonce,
  max_age: '3600',
  acr_values: 'urn:gatehouse:aal1',
}, PAR ? { DPoP } : undefined)
console.log(url.href)

const terminal = createInterface({ input: process.stdin })
const answer = new URL(await new Promise((resolve) => terminal.once('line', resolve)))
terminal.close()

const call = async (tokens) => {
  const response = await client.fetchProtectedResource(config, tokens.access_token, new URL('/api/me/', API), 'GET', undefined, undefined, { DPoP })
  return response.json()
}

const tokens = await client.authorizationCodeGrant(config, answer, { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true, maxAge: 3600 }, undefined, { DPoP })
const claims = tokens.claims()
const userinfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub, { DPoP })
const me = await call(tokens)

const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token, { scope: 'openid chatbot:read' }, { DPoP })
const narrowed = await call(refreshed)
const again = await client.refreshTokenGrant(config, refreshed.refresh_token, undefined, { DPoP })

const alive = await client.tokenIntrospection(config, again.access_token)
await client.tokenRevocation(config, again.refresh_token)
const dead = await client.tokenIntrospection(config, again.access_token)
let refusal
try {
  await client.refreshTokenGrant(config, again.refresh_token, undefined, { DPoP })
} catch (error) {
  refusal = error.error
}

const end = client.buildEndSessionUrl(config, { id_token_hint: again.id_token ?? tokens.id_token, post_logout_redirect_uri: 'https://app.example/goodbye', state: 'so long' })
console.log(JSON.stringify({
  tokens, me, claims, userinfo, narrowed, rotated: new Set([tokens, refreshed, again].map((t) => t.refresh_token)).size,
  refreshedClaims: refreshed.claims(), alive, dead, refusal, signOut: end.href,
}))
