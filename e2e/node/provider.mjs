// An OpenID Connect provider on the address BASE, at which anybody can sign in with any password: the name they type is their subject and the first part
// of their address.
import Provider from 'oidc-provider'

const { BASE, CLIENT_ID, CLIENT_SECRET, REDIRECT_URI } = process.env
const provider = new Provider(BASE, {
  clients: [{ client_id: CLIENT_ID, client_secret: CLIENT_SECRET, redirect_uris: [REDIRECT_URI] }],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, name: `The ${id} of elsewhere`, email: `${id}@example.com`, email_verified: true }),
  }),
})
const { hostname, port } = new URL(BASE)
provider.listen(port, hostname)
