// A host of the Model Context Protocol that knows only programs on its own machine. mcp-remote takes it to the server at MCP_SERVER, and has a person authorize that.
import { createInterface } from 'node:readline/promises'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'

const { MCP_SERVER, CLIENT_ID, PORT, DIRECTORY } = process.env
const proxy = new URL('./node_modules/mcp-remote/dist/proxy.js', import.meta.url).pathname
const transport = new StdioClientTransport({
  command: process.execPath,
  args: [proxy, MCP_SERVER, PORT, '--static-oauth-client-info', JSON.stringify({ client_id: CLIENT_ID })],
  env: { HOME: DIRECTORY, MCP_REMOTE_CONFIG_DIR: DIRECTORY, PATH: DIRECTORY, NO_PROXY: '127.0.0.1' }, // without a browser in PATH it only prints the URL
  stderr: 'pipe',
})
const url = new Promise((resolve, reject) => {
  let printed = ''
  transport.stderr.on('data', (text) => {
    process.stderr.write(text)
    printed += text
    const found = /Please authorize this client by visiting:\s+(\S+)\s/.exec(printed)
    if (found) resolve(found[1])
  })
  transport.stderr.on('close', () => reject(new Error('mcp-remote has ended')))
})
const client = new Client({ name: 'host', version: '1.0.0' })
const connected = client.connect(transport)
console.log(await url)

const terminal = createInterface({ input: process.stdin })
const answer = await new Promise((resolve) => terminal.once('line', resolve))
terminal.close()
const page = await fetch(answer)
await connected
const { content } = await client.callTool({ name: 'whoami' })
await client.close()
console.log(JSON.stringify({ me: JSON.parse(content[0].text), page: page.status, resource: new URL(await url).searchParams.get('resource') }))
