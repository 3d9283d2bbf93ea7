// A machine client with oauth4webapi: client_credentials, an API call, introspection of its own token, revocation.
import * as oauth from 'oauth4webapi'

const { ISSUER, API, CLIENT_ID, CLIENT_SECRET } = process.env
const insecure = { [oauth.allowInsecureRequests]: true }
const issuer = new URL(ISSUER)
const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure }))
const client = { client_id: CLIENT_ID }
const authentication = oauth.ClientSecretBasic(CLIENT_SECRET)
const tokens = await oauth.processClientCredentialsResponse(as, client, await oauth.clientCredentialsGrantRequest(as, client, authentication, { scope: 'chatbot:read' }, insecure))
const me = await (await oauth.protectedResourceRequest(tokens.access_token, 'GET', new URL('/api/me/', API), undefined, undefined, insecure)).json()
const introspect = async () => oauth.processIntrospectionResponse(as, client, await oauth.introspectionRequest(as, client, authentication, tokens.access_token, insecure))
const alive = await introspect()
await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, authentication, tokens.access_token, insecure))
console.log(JSON.stringify({ tokens, me, alive, dead: await introspect() }))
