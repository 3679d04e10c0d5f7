/** Error codes of the area `oci`. */
import type { ErrorMeaning } from './meaning.ts'

export const ociErrors = {
  'oci/bad-reference': {
    exit: 2,
    status: 400,
    text: 'A reference is not `[registry/]repository[:tag][@digest]`. Repositories are lower case; a registry is a host name with a dot or a port, or `localhost`.',
  },
  'oci/bad-manifest': {
    exit: 1,
    status: 400,
    text: 'A manifest, index or image configuration is not what the OCI image specification asks for. The message names the member.',
  },
  'oci/bad-answer': {
    exit: 1,
    status: 502,
    text: 'A registry answered something that the OCI distribution specification does not allow, so its answer was not used. A proxy between here and the registry can be the reason.',
  },
  'oci/bad-layout': {
    exit: 1,
    status: 500,
    text: 'A folder is not an OCI image layout: `oci-layout` or `index.json` is missing or cannot be read.',
  },
  'oci/bad-credentials-file': {
    exit: 2,
    status: 500,
    text: 'The Docker configuration file with credentials cannot be read, or the credential helper that it names failed.',
  },
  'oci/plain-http': {
    exit: 2,
    status: 400,
    text: 'A registry that is not on this machine was to be spoken to without TLS, or one answered with a link to such a place. Content would still be checked by digest, but credentials would be readable on the way.',
  },
  'oci/unreachable': {
    exit: 1,
    status: 502,
    text: 'A registry could not be reached, or it broke off in the middle, and trying again did not help. Uploads and downloads go on from the last byte when the command is run again.',
  },
  'oci/registry-failed': {
    exit: 1,
    status: 502,
    text: 'A registry answered with a server error (5xx), also after the retries. The fault is on its side.',
  },
  'oci/too-many-requests': {
    exit: 1,
    status: 429,
    text: 'A registry refuses requests because of its rate limit (429), also after waiting as long as it asked for. Log in to get a higher limit, or try later.',
  },
  'oci/unauthorized': {
    exit: 1,
    status: 401,
    text: 'A registry wants to know who asks (401), or does not accept the credentials. `docker login`, `podman login` or `skopeo login` stores them where Backlot finds them.',
  },
  'oci/bad-certificate': {
    exit: 2,
    status: 500,
    text: 'The certificate that the server is to use, or its key, cannot be read, is no PEM file, or does not belong to the other.',
  },
  'oci/target-in-use': {
    exit: 1,
    status: 409,
    text: 'A registry was to be moved into one that has repositories or manifests which the source has not, or accounts and an audit log of its own. Two registries cannot become one; the target has to be empty, or what an earlier attempt left. Nothing in it was changed.',
  },
  'oci/target-differs': {
    exit: 1,
    status: 409,
    text: 'A registry was moved, and what is there now is not what the source has; the message names the first difference. The source is as it was.',
  },
  'oci/over-quota': {
    exit: 1,
    status: 403,
    text: 'A namespace of the registry would have more bytes or tags than it may (`namespaces` of registry.yaml). Delete what is not needed, or ask who runs the registry for more.',
  },
  'oci/tag-immutable': {
    exit: 1,
    status: 409,
    text: 'A tag that never moves (`immutable-tags` of registry.yaml) names something else already, or was to be deleted. Push under a new tag.',
  },
  'oci/overloaded': {
    exit: 1,
    status: 503,
    text: 'The registry answers as many requests as it may at once (`limits.requests` of registry.yaml). Try again.',
  },
  'oci/account-exists': {
    exit: 2,
    status: 409,
    text: 'The registry has an account of that name already, a user or a token. Revoke it first, or choose another name.',
  },
  'oci/account-invalid': {
    exit: 2,
    status: 400,
    text: 'An account cannot be made as asked: its name, its password, what it may do or when it expires is not well formed.',
  },
  'oci/account-unknown': {
    exit: 1,
    status: 404,
    text: 'The registry has no account of that name and kind. `backlot registry user list` and `backlot registry token list` show those that there are.',
  },
  'oci/denied': {
    exit: 1,
    status: 403,
    text: 'The registry knows who asks and refuses (403): the account may not do this to this repository.',
  },
  'oci/unsupported': {
    exit: 1,
    status: 405,
    text: 'The registry does not support or does not allow the operation, for example deletion.',
  },
  'oci/rejected': {
    exit: 1,
    status: 400,
    text: 'The registry refused a request as wrong (4xx). The message holds its own words.',
  },
  'oci/manifest-unknown': {
    exit: 1,
    status: 404,
    text: 'There is no manifest with this tag or digest in the repository.',
  },
  'oci/blob-unknown': {
    exit: 1,
    status: 404,
    text: 'There is no blob with this digest in the repository.',
  },
  'oci/name-unknown': {
    exit: 1,
    status: 404,
    text: 'The registry has no repository with this name.',
  },
  'oci/name-invalid': {
    exit: 2,
    status: 400,
    text: 'A repository name is not lower-case words joined by `.`, `_`, `__` or `-`, in parts joined by `/`, of at most 255 characters.',
  },
  'oci/tag-invalid': {
    exit: 2,
    status: 400,
    text: 'A tag is not 1 to 128 letters, digits, `_`, `.` or `-`, beginning with a letter, a digit or `_`.',
  },
  'oci/digest-invalid': {
    exit: 1,
    status: 400,
    text: 'The bytes that arrived do not have the digest that was promised, or the digest is not well formed. Nothing was stored.',
  },
  'oci/manifest-blob-unknown': {
    exit: 1,
    status: 400,
    text: 'A manifest names a blob that its repository does not have. Push the blobs first.',
  },
  'oci/upload-unknown': {
    exit: 1,
    status: 404,
    text: 'The upload has ended, was cancelled or timed out. Start a new one.',
  },
  'oci/upload-invalid': {
    exit: 1,
    status: 400,
    text: 'A part of an upload cannot be taken as it was sent.',
  },
  'oci/range-invalid': {
    exit: 1,
    status: 416,
    text: 'A part of an upload does not begin where the last one ended, or a range lies outside of the blob.',
  },
  'oci/port-taken': {
    exit: 1,
    status: 500,
    text: 'The server cannot listen on the address and port that it was given: another program has it, or the address is not of this machine.',
  },
  'oci/tag-moved': {
    exit: 1,
    status: 412,
    text: 'A tag was to be replaced only if it still named what was read before, but somebody else moved it in between. Read it again and repeat the change.',
  },
  'oci/database-gone': {
    exit: 1,
    status: 503,
    text: 'The database of the registry cannot be reached, refuses the registry, or is too busy to answer. Nothing that was acknowledged is lost; the request can be repeated when the database is back.',
  },
  'oci/bucket-gone': {
    exit: 1,
    status: 503,
    text: 'The bucket that holds the blobs of the registry cannot be reached, or refuses. Nothing that was acknowledged is lost; the request can be repeated when the bucket is back.',
  },
  'oci/private-address': {
    exit: 1,
    status: 502,
    text: 'An upstream, or a redirect or token service that it named, leads to an address of this machine or of a private network. Backlot does not go there for strangers. Allow a registry of your own with `private: true`, and other hosts with `private-hosts`.',
  },
  'oci/upstream-failed': {
    exit: 1,
    status: 502,
    text: 'The registry that a repository is pulled through from did not give what was asked for, and it is not here. The message says why; what was pulled before can still be pulled.',
  },
  'oci/issuer-gone': {
    exit: 1,
    status: 503,
    text: 'A registry cannot read the keys of who signed a token (`access.oidc.keys`), and knows none of that name, so it cannot tell whether the token is good. Its log says why.',
  },
  'oci/upstream-busy': {
    exit: 1,
    status: 503,
    text: 'The registry that a repository is pulled through from answered 503 and said when to ask again (`Retry-After`), and what was asked for is not here. It is left alone until then.',
  },
  'oci/pulled-repository': {
    exit: 1,
    status: 405,
    text: 'The repository shows what another registry has: it can be pulled from and not pushed to. Push to the other registry, or to another name.',
  },
  'oci/too-many-tags': {
    exit: 1,
    status: 414,
    text: 'One request names more tags than the registry takes at once.',
  },
} as const satisfies Record<`oci/${string}`, ErrorMeaning>
