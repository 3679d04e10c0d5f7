/** Commands beside a running server: accounts that hold at once, and a log that tells. */
import { Database } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { z } from 'zod'
import { firstDocument, openProject, programArgv, type Project } from './harness.ts'

const Made = z.object({ name: z.string(), secret: z.string().optional() })
const yaml = 'access: {}\n'

const json = async (project: Project, ...args: readonly string[]): Promise<unknown> => {
  const { stdout, exitCode, stderr } = await project.backlot(...args, '--format', 'json', '--quiet')
  expect([exitCode, stderr]).toEqual([0, ''])
  return JSON.parse(stdout) as unknown
}

test('a token works as soon as it is made, and not after it is revoked', async () => {
  using project = openProject({ 'registry.yaml': yaml })
  const serving = ['--config', 'registry.yaml', '--port', '0', '--data', 'data']
  const server = project.start('serve', ...serving, '--format', 'json')
  try {
    const { url } = z.object({ url: z.string() }).parse(JSON.parse(await firstDocument(server)))
    const allow = ['--allow', 'lab/**:pull,push', '--data', 'data']
    const made = Made.parse(await json(project, 'registry', 'token', 'add', 'ci', ...allow))
    const headers = { authorization: `Bearer ${made.secret}` }
    const begin = async () =>
      (await fetch(`${url}/v2/lab/a/blobs/uploads/`, { method: 'POST', headers })).status
    expect(await begin()).toBe(202)
    const listed = await project.backlot('registry', 'token', 'list', '--data', 'data')
    expect(listed.stdout).toContain('pull, push lab/**')
    expect(listed.stdout).not.toContain(made.secret ?? '')
    const scope = `${url}/v2/token?scope=repository:lab/a:push`
    const issued = z
      .object({ token: z.string() })
      .parse(await (await fetch(scope, { headers })).json())
    const renew = ['renew', 'ci', '--data', 'data']
    const renewed = Made.parse(await json(project, 'registry', 'token', ...renew))
    expect(await begin()).toBe(401)
    headers.authorization = `Bearer ${issued.token}`
    expect(await begin()).toBe(401)
    headers.authorization = `Bearer ${renewed.secret}`
    expect(await begin()).toBe(202)
    await json(project, 'registry', 'token', 'revoke', 'ci', '--data', 'data')
    expect(await begin()).toBe(401)
  } finally {
    server.kill('SIGINT')
  }
  expect(await server.exited).toBe(0)
  expect(await new Response(server.stderr).text()).not.toContain('blt_')
})

test('an account for a folder without a registry, maybe a misspelt one, says so once', async () => {
  using project = openProject()
  const add = (name: string) =>
    project.backlot('registry', 'user', 'add', name, '--allow', '**:pull', '--data', 'typo')
  expect((await add('ada')).stderr).toBe(
    `note: There was no registry in ${join(project.folder, 'typo')}, so it is made there\n`,
  )
  expect((await add('eve')).stderr).toBe('')
})

test('a user gets another password, and keeps grants and expiry', async () => {
  using project = openProject({ 'registry.yaml': yaml })
  const at = ['--data', 'data']
  const user = ['registry', 'user']
  const made = await json(project, ...user, 'add', 'ada', '--allow', 'a/**:pull', ...at)
  const first = Made.parse(made).secret
  const renewed = await json(project, ...user, 'renew', 'ada', '--expires', '2099-01-01', ...at)
  const second = Made.parse(renewed).secret
  expect(second).toBeString()
  expect(second).not.toBe(first)
  const expiresMs = Date.parse('2099-01-01')
  const grants = [{ repositories: ['a/**'], actions: ['pull'] }]
  expect(await json(project, ...user, 'list', ...at)).toMatchObject([
    { name: 'ada', grants, expiresMs },
  ])
  // Another renewal leaves the end as it is.
  expect(await json(project, ...user, 'renew', 'ada', ...at)).toMatchObject({ expiresMs })
  expect(
    await json(project, ...user, 'renew', 'ada', '--expires', 'never', ...at),
  ).not.toHaveProperty('expiresMs')
  const log = await json(project, 'registry', 'audit', 'list', ...at)
  expect(log).toMatchObject([
    { action: 'account.add' },
    ...Array.from({ length: 3 }, () => ({ action: 'account.renew', subject: 'ada' })),
  ])
})

test('the audit log is verified, and tampering is an exit code', async () => {
  using project = openProject()
  const at = ['--data', 'data']
  for (const name of ['one', 'two', 'three'])
    await json(project, 'registry', 'user', 'add', name, '--allow', 'a/*:pull', ...at)
  const whole = await json(project, 'registry', 'audit', 'verify', ...at)
  expect(whole).toMatchObject({ kind: 'whole', head: { seq: 3 } })
  const { head } = z.object({ head: z.object({ seq: z.number(), hash: z.string() }) }).parse(whole)
  const noted = `${head.seq}:${head.hash}`
  await json(project, 'registry', 'audit', 'verify', '--head', noted, ...at)
  const database = new Database(join(project.folder, 'data/service.db'))
  database.run("UPDATE audit SET subject = 'eve' WHERE seq = 2")
  database.close()
  const broken = await project.backlot('registry', 'audit', 'verify', ...at)
  expect([broken.exitCode, broken.stdout]).toEqual([
    1,
    'broken: record 2 of the audit log: it, or its place, was changed\n',
  ])
})

test.each<[string, number, string]>([
  ['one long line\n', 0, ''],
  ['one long line\r\n', 0, ''],
  ['one long line\nand another\n', 2, 'The password has more than one line'],
])('a password that is %j', async (given, exitCode, complaint) => {
  using project = openProject()
  const line = ['registry', 'user', 'add', 'ada', '--allow', 'a:pull', '--password-stdin']
  const child = Bun.spawn([...programArgv(), ...line, '--data', 'data'], {
    cwd: project.folder,
    env: project.env,
    stdin: new TextEncoder().encode(given),
    stdout: 'ignore',
    stderr: 'pipe',
  })
  expect(await new Response(child.stderr).text()).toContain(complaint)
  expect(await child.exited).toBe(exitCode)
})

test('what is piped has whole lines', async () => {
  using project = openProject()
  const name = 'a'.repeat(60)
  const at = ['--data', 'data']
  await json(project, 'registry', 'user', 'add', name, '--allow', 'a/*:pull', ...at)
  const log = await project.backlot('registry', 'audit', 'list', ...at)
  expect(log.stdout).toContain(`account.add  done                 ${name}\n`)
})

test.each<[string, number, string]>([
  ['registry token revoke nobody --data data', 1, "There is no token 'nobody'"],
  ['registry user renew nobody --data data', 1, "There is no user 'nobody'"],
  ['registry token add x --allow everything --data data', 2, 'aswf/**:pull,push'],
  ['registry token add x --allow a:fly --data data', 2, "'fly' is none of pull, push"],
  ['registry token add x --allow a:pull --expires soon --data data', 2, 'It must be 30d'],
  ['registry token add x --allow a:pull --expires 2020-01-01 --data data', 2, 'expired already'],
  ['registry token add x --allow a:pull --expires 2027-02-30 --data data', 2, 'It must be 30d'],
  ['registry token add x --allow a:pull --expires 2027 --data data', 2, 'It must be 30d'],
  ['registry user add a/b --allow a:pull --data data', 2, "'a/b' is not a name"],
  ['registry audit verify --head 7 --data data', 2, 'look like `audit verify` prints it'],
  ['registry check --data typo', 1, 'There is no registry in'],
  ['registry usage --data typo', 1, 'Name its folder with --data'],
  ['registry gc --data typo', 1, 'There is no registry in'],
  ['registry restore --data typo', 1, 'There is no registry in'],
  ['registry user list --data typo', 1, 'There is no registry in'],
  ['registry audit verify --data typo', 1, 'There is no registry in'],
  ['registry migrate --from other.yaml --from-data typo --to other.yaml --to-data x', 1, 'typo'],
  ['registry migrate --from other.yaml --from-data a --to other.yaml --to-data a', 2, 'the same'],
  ['serve --config none.yaml --data data', 2, 'none.yaml is not there'],
  ['serve --config . --data data', 2, 'is a folder'],
  ['serve --config registry.yaml --data data', 2, "did you mean 'access'?"],
  ['serve --config keys.yaml --data data', 2, 'with the keys of https://x, is not there'],
  ['serve --config password.yaml --data data', 2, 'none.txt is not there'],
  ['serve --data registry.yaml', 1, 'No folder can be made at'],
  ['serve --data broken', 1, 'registry.db is damaged: file is not a database'],
  ['registry check --data broken', 1, 'Put a copy of it back'],
  ['serve --data data --port 0 --host ', 2, '0.0.0.0 means all networks'],
  ['serve --data data --port 0 --host 300.1.1.1', 1, 'Name an address of this machine'],
])('%s', async (line, exitCode, complaint) => {
  const keys = 'issuer: "https://x", audience: y, keys: none.json'
  const rules = '[{ when: { repository: a/b }, repositories: a, actions: pull }]'
  using project = openProject({
    'registry.yaml': 'acess: {}\n',
    'keys.yaml': `access: { oidc: { ${keys}, rules: ${rules} } }\n`,
    'password.yaml': 'upstreams: { a.b: { accounts: { username: c, password-file: none.txt } } }\n',
    'broken/registry.db': 'x'.repeat(8192),
    'data/registry.db': '',
    'other.yaml': 'limits: { requests: 5 }\n',
  })
  const outcome = await project.backlot(...line.split(' '))
  expect([outcome.exitCode, outcome.stdout]).toEqual([exitCode, ''])
  expect(outcome.stderr).toContain(complaint)
})
