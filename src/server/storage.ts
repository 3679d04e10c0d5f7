/** `storage:` of registry.yaml as the registry takes it, with its secrets. */
import { type RegistryConfig, secretIn } from '#model/index.ts'
import type { OpenRegistryOptions } from '#oci/index.ts'

/**
 * @param folder What the files with secrets are relative to.
 * @throws AppError `model/bad-file` for a file with a secret that is not there
 */
export function storageOf(
  section: RegistryConfig['storage'],
  folder: string,
): Pick<OpenRegistryOptions, 'postgres' | 'bucket' | 'redirectSeconds'> {
  const { postgres, s3 } = section ?? {}
  return {
    ...(postgres === undefined ? {} : { postgres: postgresOf(postgres, folder) }),
    ...(s3 === undefined
      ? {}
      : {
          bucket: {
            endpoint: s3.endpoint,
            bucket: s3.bucket,
            region: s3.region,
            prefix: s3.prefix,
            addressing: s3.addressing,
            credentials: {
              accessKeyId: s3['access-key'],
              secretAccessKey: secretIn(s3['secret-key-file'], folder),
            },
          },
        }),
    ...(s3?.redirect === undefined ? {} : { redirectSeconds: Math.floor(s3.redirect / 1000) }),
  }
}

type PostgresSection = NonNullable<NonNullable<RegistryConfig['storage']>['postgres']>

function postgresOf(section: PostgresSection, folder: string) {
  const url = new URL(section.url)
  const file = section['password-file']
  if (file !== undefined) url.password = encodeURIComponent(secretIn(file, folder))
  const { connections } = section
  return {
    url: url.href,
    ...(connections === undefined ? {} : { connectionsMax: connections }),
  }
}
