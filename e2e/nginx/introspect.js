// For nginx's auth_request: 204 for an active access token with the scope in $required_scope, otherwise 401 or 403. The header X-Team carries the token's team.
async function check(r) {
  const presented = /^bearer +([^ ]+)$/i.exec(r.headersIn.Authorization || '')
  if (!presented) return r.return(401)
  const reply = await r.subrequest('/_introspect', { method: 'POST', body: 'token=' + encodeURIComponent(presented[1]) })
  if (reply.status !== 200) return r.return(500)
  const answer = JSON.parse(reply.responseText || reply.responseBody)
  if (!answer.active || answer.token_type !== 'Bearer') return r.return(401)
  if (!answer.scope.split(' ').includes(r.variables.required_scope)) return r.return(403)
  r.headersOut['X-Team'] = answer.team
  r.return(204)
}

export default { check }
