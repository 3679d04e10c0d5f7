/** The client against our registry and against Debian's docker-registry. */
import { test } from 'bun:test'
import { outside } from '../outside.ts'
import { registryClientContract } from './client.contract.ts'
import { debianRegistry, ourRegistry } from './servers.ts'

registryClientContract('backlot serve', () => ourRegistry(), test)
registryClientContract('docker-registry', debianRegistry, outside(['docker-registry']))
