// An application of the Model Context Protocol, on the SDK that SDK names: it connects to the server at MCP_SERVER, is refused, has a person authorize it, and calls a tool.
import { createInterface } from 'node:readline/promises'

const { SDK, MCP_SERVER, CLIENT_ID, CLIENT_SECRET, REDIRECT_URI } = process.env
const { Client } = await import(`${SDK}/client/index.js`)
const { StreamableHTTPClientTransport } = await import(`${SDK}/client/streamableHttp.js`)
const { UnauthorizedError } = await import(`${SDK}/client/auth.js`)

const kept = {}
const provider = {
  redirectUrl: REDIRECT_URI,
  clientMetadata: { redirect_uris: [REDIRECT_URI] },
  clientInformation: () => ({ client_id: CLIENT_ID, client_secret: CLIENT_SECRET || undefined, issuer: process.env.ISSUER }),
  tokens: () => kept.tokens,
  saveTokens: (tokens) => { kept.tokens = tokens },
  redirectToAuthorization: (url) => { kept.url = url },
  saveCodeVerifier: (verifier) => { kept.verifier = verifier },
  codeVerifier: () => kept.verifier,
}

const connect = async () => {
  const client = new Client({ name: 'stranger', version: '1.0.0' })
  const transport = new StreamableHTTPClientTransport(new URL(MCP_SERVER), { authProvider: provider })
  try {
    await client.connect(transport)
    return { client }
  } catch (error) {
    if (error instanceof UnauthorizedError) return { transport }
    throw error
  }
}
const whoami = async (client) => JSON.parse((await client.callTool({ name: 'whoami' })).content[0].text)

const { transport } = await connect()
console.log(kept.url.href)
const terminal = createInterface({ input: process.stdin })
const answer = new URL(await new Promise((resolve) => terminal.once('line', resolve)))
terminal.close()
if (answer.searchParams.has('error')) {
  console.log(JSON.stringify({ error: answer.searchParams.get('error'), description: answer.searchParams.get('error_description') }))
  process.exit()
}
await transport.finishAuth(answer.searchParams.get('code'))
const { client } = await connect()
const me = await whoami(client)
await client.close()

// The access token is refused from now on: the SDK renews it by itself.
const first = kept.tokens.refresh_token
kept.tokens.access_token = 'not a token'
const again = await connect()
const later = await whoami(again.client)
await again.client.close()
console.log(JSON.stringify({ me, later, resource: kept.url.searchParams.get('resource'), rotated: new Set([first, kept.tokens.refresh_token]).size }))
