/** `storage:` of registry.yaml: where blobs and metadata are kept. */
import { z } from 'zod'
import { count, formed, text } from '../scalars.ts'
import { durationMs, httpUrl } from './scalars.ts'

const postgres = z.strictObject({
  url: formed(
    /^postgres(?:ql)?:\/\/[^\s]{1,1000}$/,
    'is not a URL such as postgres://backlot@db.example.org/registry',
  ).describe('The database. A password in it is seen by who reads the file.'),
  'password-file': text.optional().describe('A file whose first line is the password.'),
  connections: count
    .refine((value) => value >= 2 && value <= 1000, 'is not between 2 and 1000')
    .optional()
    .describe(
      'Connections of one server for repositories, at most; 20 when not given. Accounts, the audit log and statistics have up to as many each.',
    ),
})

const s3 = z.strictObject({
  endpoint: httpUrl.describe('The service, such as https://s3.eu-central-1.amazonaws.com.'),
  bucket: formed(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'is not the name of a bucket'),
  region: text.default('us-east-1'),
  prefix: formed(/^(?:[A-Za-z0-9._-]+\/)*$/, 'is not empty and does not end in /')
    .default('')
    .describe('Before every key, ending in /.'),
  'access-key': text.describe('The id of the key; it is no secret.'),
  'secret-key-file': text.describe('A file whose first line is the secret of the key.'),
  addressing: z
    .enum(['path', 'host'])
    .default('path')
    .describe('path: endpoint/bucket/key; host: bucket.endpoint/key.'),
  redirect: durationMs
    .refine((ms) => ms >= 60_000 && ms <= 7 * 86_400_000, 'is not between 1m and 7d')
    .optional()
    .describe('Send clients that read blobs to the bucket, by URLs that are good for so long.'),
})

export const storageSection = z.strictObject({
  postgres: postgres
    .optional()
    .describe('Metadata in PostgreSQL; without it in a file of SQLite in the data folder.'),
  s3: s3.optional().describe('Blobs in a bucket; without it in files of the data folder.'),
})
