/** The OCI distribution checklist, on every storage. */
import { afterAll, describe } from 'bun:test'
import { stopStorages, storageKinds } from '../storages.ts'
import { distributionBlobsContract } from './distribution-blobs.contract.ts'
import { distributionManifestsContract } from './distribution-manifests.contract.ts'

afterAll(stopStorages)
for (const kind of storageKinds)
  describe(kind.name, () => {
    distributionBlobsContract(kind)
    distributionManifestsContract(kind)
  })
