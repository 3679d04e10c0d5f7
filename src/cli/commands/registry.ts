/** Commands that look after a registry, also while it serves. */
import { InvalidArgumentError, Option } from '@commander-js/extra-typings'
import type { RegistryAdmin } from '#app/index.ts'
import { AppError, systemClock } from '#kernel/index.ts'
import { command, positiveInteger } from '../options.ts'
import { located, type RegistryChoice } from '../registry-file.ts'
import {
  accountsText,
  auditText,
  createdText,
  revokedText,
  verdictText,
} from '../render/registry.ts'
import type { Perform, Work } from '../work.ts'
import { configOption, dataOption, upkeepCommands } from './registry-upkeep.ts'
import { statsCommand, syncCommand } from './registry-traffic.ts'

type Kind = 'user' | 'token'

interface Grant {
  readonly repositories: readonly string[]
  readonly actions: readonly ('pull' | 'push' | 'delete' | 'admin')[]
}

export function registryCommand(perform: Perform) {
  const registry = command('registry', 'look after a registry, also while it serves')
    .addCommand(userCommand(perform))
    .addCommand(tokenCommand(perform))
    .addCommand(auditCommand(perform))
    .addCommand(statsCommand(perform))
    .addCommand(syncCommand(perform))
  for (const one of upkeepCommands(perform)) registry.addCommand(one)
  return registry
}

function userCommand(perform: Perform) {
  const add = command('add', 'make a user; a password that is made is printed once')
    .argument('<name>', 'what to log in with')
    .addOption(allowOption())
    .addOption(dataOption())
    .addOption(configOption())
    .option('--expires <when>', '30d, 12h, or a date; never when not given', moment)
    .option('--password-stdin', 'read the password from the standard input')
    .action((name, options, self) =>
      perform(self, async (work) =>
        created(work, options, {
          kind: 'user',
          name,
          grants: options.allow,
          ...expiring(options.expires),
          ...(options.passwordStdin ? { password: await passwordRead(work) } : {}),
        }),
      ),
    )
  const renew = command('renew', 'give a user another password; what the old one gave ends')
    .argument('<name>', 'the user')
    .addOption(dataOption())
    .addOption(configOption())
    .option('--expires <when>', '30d, 12h, a date, or never; as before when not given', moment)
    .option('--password-stdin', 'read the password from the standard input')
    .action((name, options, self) =>
      perform(self, async (work) =>
        renewed(work, options, {
          kind: 'user',
          name,
          ...(options.expires === undefined ? {} : { expires: options.expires }),
          ...(options.passwordStdin ? { password: await passwordRead(work) } : {}),
        }),
      ),
    )
  return command('user', 'people who log in with a password')
    .addCommand(add)
    .addCommand(renew)
    .addCommand(listCommand(perform, 'user'))
    .addCommand(revokeCommand(perform, 'user'))
}

function tokenCommand(perform: Perform) {
  const add = command('add', 'make a token for a robot; it is printed once')
    .argument('<name>', 'what to call it')
    .addOption(allowOption())
    .addOption(dataOption())
    .addOption(configOption())
    .option('--expires <when>', '30d, 12h, a date, or never; 90d when not given', moment)
    .action((name, options, self) =>
      perform(self, (work) =>
        created(work, options, {
          kind: 'token',
          name,
          grants: options.allow,
          ...expiring(options.expires ?? moment('90d')),
        }),
      ),
    )
  const renew = command('renew', 'give a robot another token; the old one ends at once')
    .argument('<name>', 'the token')
    .addOption(dataOption())
    .addOption(configOption())
    .option('--expires <when>', '30d, 12h, a date, or never; 90d when not given', moment)
    .action((name, options, self) =>
      perform(self, (work) =>
        renewed(work, options, { kind: 'token', name, expires: options.expires ?? moment('90d') }),
      ),
    )
  const end = command('end-sessions', 'end every bearer token that was given out')
    .addOption(dataOption())
    .addOption(configOption())
    .action((options, self) =>
      perform(self, (work) =>
        administered(work, options, async (admin) => {
          await admin.endSessions()
          work.print.result({ ended: true }, () => 'All bearer tokens have ended.')
          return 0
        }),
      ),
    )
  return command('token', 'tokens that robots log in with')
    .addCommand(add)
    .addCommand(renew)
    .addCommand(listCommand(perform, 'token'))
    .addCommand(revokeCommand(perform, 'token'))
    .addCommand(end)
}

function listCommand(perform: Perform, kind: Kind) {
  return command('list', `show the ${kind}s and what they may do`)
    .addOption(dataOption())
    .addOption(configOption())
    .action((options, self) =>
      perform(self, (work) =>
        administered(work, options, async ({ accounts }) => {
          work.print.result(await accounts.list(kind), accountsText)
          return 0
        }),
      ),
    )
}

function revokeCommand(perform: Perform, kind: Kind) {
  return command('revoke', `end a ${kind} at once, with all that it was given`)
    .argument('<name>', `the ${kind}`)
    .addOption(dataOption())
    .addOption(configOption())
    .action((name, options, self) =>
      perform(self, (work) =>
        administered(work, options, async ({ accounts }) => {
          if (!(await accounts.revoke(kind, name))) throw unknownAccount(kind, name)
          work.print.result({ revoked: name }, revokedText)
          return 0
        }),
      ),
    )
}

function auditCommand(perform: Perform) {
  const list = command('list', 'show who changed what')
    .addOption(dataOption())
    .addOption(configOption())
    .option('--limit <number>', 'show the newest so many', positiveInteger, 50)
    .option('--after <seq>', 'only records after this one', positiveInteger)
    .action((options, self) =>
      perform(self, (work) =>
        administered(work, options, async (admin) => {
          const { limit, after } = options
          const question = { limit, ...(after === undefined ? {} : { after }) }
          work.print.result(await admin.auditRecords(question), auditText)
          return 0
        }),
      ),
    )
  const verify = command('verify', 'check that no record was altered, taken out or moved')
    .addOption(dataOption())
    .addOption(configOption())
    .option('--head <seq:hash>', 'a head that was noted before, which must be part of it', noted)
    .action((options, self) =>
      perform(self, (work) =>
        administered(work, options, async (admin) => {
          const verdict = await admin.auditVerdict(options.head)
          work.print.result(verdict, verdictText)
          return verdict.kind === 'whole' ? 0 : 1
        }),
      ),
    )
  return command('audit', 'the log of who changed what').addCommand(list).addCommand(verify)
}

async function created(
  work: Work,
  place: RegistryChoice,
  account: Parameters<RegistryAdmin['accounts']['add']>[0],
): Promise<number> {
  return await administered(work, { ...place, mayBeNew: true }, async ({ accounts, madeIn }) => {
    const made = await accounts.add(account)
    if (madeIn !== undefined)
      work.print.notice(`There was no registry in ${madeIn}, so it is made there`)
    const shown = account.password === undefined ? { secret: made.secret } : {}
    work.print.result({ ...made.account, ...shown }, createdText)
    return 0
  })
}

interface Renewal {
  readonly kind: Kind
  readonly name: string
  readonly password?: string
  readonly expires?: number | 'never'
}

async function renewed(
  work: Work,
  place: RegistryChoice,
  { kind, name, ...change }: Renewal,
): Promise<number> {
  return await administered(work, place, async ({ accounts }) => {
    const made = await accounts.renew(kind, name, change)
    if (made === undefined) throw unknownAccount(kind, name)
    const shown = change.password === undefined ? { secret: made.secret } : {}
    work.print.result({ ...made.account, ...shown }, createdText)
    return 0
  })
}

function unknownAccount(kind: Kind, name: string): AppError {
  return new AppError('oci/account-unknown', `There is no ${kind} '${name}'`, {
    hints: [`\`backlot registry ${kind} list\` shows those that there are.`],
  })
}

async function passwordRead({ context }: Work): Promise<string> {
  const password = (await context.readInput()).replace(/\r?\n$/, '')
  if (!/[\r\n]/.test(password)) return password
  throw new AppError('oci/account-invalid', 'The password has more than one line', {
    hints: ['Clients send one line; give only that one.'],
  })
}

async function administered(
  work: Work,
  { mayBeNew = false, ...choice }: RegistryChoice & { readonly mayBeNew?: boolean },
  use: (admin: RegistryAdmin) => Promise<number>,
): Promise<number> {
  const place = { ...(await located(work, choice)), mayBeNew }
  await using admin = await work.context.openRegistryAdmin(place)
  return await use(admin)
}

function allowOption() {
  return new Option('--allow <pattern:actions>', "'aswf/**:pull,push'; may be repeated")
    .argParser((text: string, before: readonly Grant[] | undefined) => [
      ...(before ?? []),
      grant(text),
    ])
    .makeOptionMandatory()
}

const actions = ['pull', 'push', 'delete', 'admin'] as const

/** @throws InvalidArgumentError */
function grant(text: string): Grant {
  const colon = text.lastIndexOf(':')
  const pattern = text.slice(0, Math.max(0, colon))
  const words = text.slice(colon + 1).split(',')
  if (!/^[a-z0-9._*-]+(?:\/[a-z0-9._*-]+)*$/.test(pattern))
    throw new InvalidArgumentError('It must look like aswf/**:pull,push.')
  const unknown = words.find((word) => !actions.some((action) => action === word))
  if (unknown !== undefined)
    throw new InvalidArgumentError(`'${unknown}' is none of ${actions.join(', ')}.`)
  return { repositories: [pattern], actions: actions.filter((action) => words.includes(action)) }
}

/** When something ends: `30d` from now, a date, or `never`. @throws InvalidArgumentError */
function moment(text: string): number | 'never' {
  if (text === 'never') return text
  const [, number, unit] = /^(\d{1,5})([hd])$/.exec(text) ?? []
  const ms =
    number === undefined
      ? dateMs(text)
      : systemClock.nowMs() + Number(number) * (unit === 'h' ? 3_600_000 : 86_400_000)
  if (Number.isNaN(ms))
    throw new InvalidArgumentError('It must be 30d, 12h, a date such as 2027-01-31, or never.')
  return ms
}

/** A date, with a time or without; NaN for others, also for the 30th of February. */
function dateMs(text: string): number {
  const [, day] = /^(\d{4}-\d\d-\d\d)(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d)?)?$/.exec(text) ?? []
  const dayMs = Date.parse(`${day}T00:00:00Z`)
  // What the calendar does not have is taken for a day of the next month.
  const isThere = !Number.isNaN(dayMs) && new Date(dayMs).toISOString().startsWith(`${day}T`)
  return isThere ? Date.parse(text) : Number.NaN
}

function expiring(expiresMs: number | 'never' = 'never'): { expiresMs?: number } {
  return expiresMs === 'never' ? {} : { expiresMs }
}

/** @throws InvalidArgumentError */
function noted(text: string): { readonly seq: number; readonly hash: string } {
  const [, seq = '', hash = ''] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? []
  if (hash === '') throw new InvalidArgumentError('It must look like `audit verify` prints it.')
  return { seq: Number(seq), hash }
}
