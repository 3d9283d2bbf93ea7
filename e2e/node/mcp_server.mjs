// A server of the Model Context Protocol on the SDK, with one tool, at the address BASE. It takes our tokens for itself only (RFC 9068), and says so (RFC 9728).
import * as oauth from 'oauth4webapi'
import { createMcpExpressApp } from '@modelcontextprotocol/sdk/server/express.js'
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js'
import { InvalidTokenError } from '@modelcontextprotocol/sdk/server/auth/errors.js'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'

const { ISSUER, BASE } = process.env
const insecure = { [oauth.allowInsecureRequests]: true } // plain HTTP, on loopback
const issuer = new URL(ISSUER)
const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure }))

const verifier = {
  verifyAccessToken: async (token) => {
    const request = new Request(BASE, { headers: { Authorization: `Bearer ${token}` } })
    try {
      const claims = await oauth.validateJwtAccessToken(as, request, BASE, insecure)
      return { token, clientId: claims.client_id, scopes: claims.scope.split(' '), expiresAt: claims.exp, resource: new URL(claims.aud), extra: { team: claims.team } }
    } catch (error) {
      throw new InvalidTokenError(error.message)
    }
  },
}

const app = createMcpExpressApp()
const metadata = {
  resource: BASE, authorization_servers: [ISSUER], scopes_supported: ['chatbot:read'], bearer_methods_supported: ['header'], resource_name: 'The tools of this test',
}
app.get('/.well-known/oauth-protected-resource', (request, response) => { response.json(metadata) })
const protect = requireBearerAuth({
  verifier, requiredScopes: ['chatbot:read'], resourceMetadataUrl: `${BASE}/.well-known/oauth-protected-resource`, expectedResource: new URL(BASE),
})
app.all('/mcp', protect, async (request, response) => {
  const server = new McpServer({ name: 'tools', version: '1.0.0' })
  server.registerTool('whoami', { description: 'Who calls' }, ({ authInfo }) => ({
    content: [{ type: 'text', text: JSON.stringify({ team: authInfo.extra.team, client_id: authInfo.clientId, scopes: authInfo.scopes }) }],
  }))
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined })
  await server.connect(transport)
  await transport.handleRequest(request, response, request.body)
})
const { hostname, port } = new URL(BASE)
app.listen(port, hostname)
