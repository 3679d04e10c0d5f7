/**
 * What an operator should know at the start: strangers can use the server, or read its secrets.
 *
 * Not here: refusing any of it, as a firewall, a container or a proxy may well stand before it.
 */
import { statSync } from 'node:fs'
import { dirname, isAbsolute, join } from 'node:path'
import type { RegistryConfig } from '#model/index.ts'
import { isLoopback } from '#oci/index.ts'

export interface Exposure {
  readonly text: string
  readonly hints: readonly string[]
}

export interface ExposureOptions {
  readonly host: string
  readonly config: RegistryConfig
  /** Where SQLite lies. */
  readonly dir: string
  /** What paths in the configuration are relative to. */
  readonly folder: string
}

/** Each of them a warning; none for what is on this machine only, or behind TLS and log-ins. */
export function exposures({ host, config, dir, folder }: ExposureOptions): readonly Exposure[] {
  const { access, listen } = config
  const isNear = isLoopback(host.includes(':') ? `[${host}]` : host)
  const isOpen = !isNear && access === undefined
  const hasTls = listen?.tls !== undefined || listen?.url?.startsWith('https:') === true
  const isClear = !isNear && !isOpen && !hasTls && (listen?.proxies ?? []).length === 0
  const readable = secretFiles(config)
    .map((file) => (isAbsolute(file) ? file : join(folder, file)))
    .concat(config.storage?.postgres === undefined ? [join(dir, 'service.db')] : [])
    .filter(isReadByAll)
  return [
    ...(isOpen ? [openToAll(host)] : []),
    ...(isClear ? [inTheClear(host)] : []),
    ...(readable.length > 0 ? [readByAll(readable)] : []),
  ]
}

function openToAll(host: string): Exposure {
  return {
    text: `Whoever reaches ${host} may read, push and delete everything`,
    hints: [
      '`access` in registry.yaml says who may do what; docs/registry.md, "Users and tokens".',
    ],
  }
}

function inTheClear(host: string): Exposure {
  return {
    text: `Passwords and tokens go to ${host} without TLS`,
    hints: ['Name a certificate (`listen.tls`), or the proxy that has one (`listen.proxies`).'],
  }
}

function readByAll(files: readonly string[]): Exposure {
  return {
    text: `Everybody on this machine may read ${files.join(', ')}`,
    hints: ['`chmod 600`, or 640 where a group has to read it.'],
  }
}

/** Files whose content lets somebody be us, or anybody. */
function secretFiles({ listen, storage, upstreams, sync }: RegistryConfig): readonly string[] {
  const accounts = [
    ...Object.values(upstreams ?? {}).flatMap((upstream) => upstream.accounts),
    ...Object.values(sync ?? {}).flatMap((list) => [list['from-account'], list['to-account']]),
  ]
  return [
    ...new Set([
      listen?.tls?.key,
      storage?.postgres?.['password-file'],
      storage?.s3?.['secret-key-file'],
      ...accounts.map((account) => account?.['password-file']),
    ]),
  ].filter((file) => file !== undefined)
}

function isReadByAll(file: string): boolean {
  const modeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.mode ?? 0
  return (modeOf(file) & 0o004) !== 0 && (modeOf(dirname(file)) & 0o001) !== 0
}
