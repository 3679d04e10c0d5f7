/** Which kind of program asks, by its `User-Agent`: a bounded list, as statistics are kept by it. */

/** The first that fits wins: many programs name their libraries as well. */
const kinds: readonly (readonly [string, RegExp])[] = [
  ['backlot', /^backlot/i],
  ['docker', /^docker|upstreamclient\(docker/i],
  ['buildkit', /^buildkit/i],
  ['containerd', /^containerd/i],
  ['cri-o', /^cri-o/i],
  ['skopeo', /^skopeo/i],
  ['buildah', /^buildah/i],
  ['podman', /^(?:libpod|podman)/i],
  ['containers', /containers\/image|^containers\//i],
  ['kaniko', /^kaniko/i],
  ['crane', /go-containerregistry|^crane/i],
  ['oras', /^oras/i],
  ['regclient', /^reg(?:client|ctl|sync|bot)/i],
  ['helm', /^helm/i],
  ['cosign', /^cosign/i],
  ['apptainer', /^(?:apptainer|singularity)/i],
  ['trivy', /^trivy/i],
  ['curl', /^(?:curl|wget)/i],
  ['browser', /^mozilla/i],
  ['go', /^go-http-client/i],
]
const known = new Map<string, string>()
const knownMax = 1000

/** `docker`, `podman`, …; `none` without a name, `other` for all others. */
export function clientKind(userAgent: string | null): string {
  if (userAgent === null || userAgent === '') return 'none'
  const found = known.get(userAgent)
  if (found !== undefined) return found
  const [kind] = kinds.find(([, pattern]) => pattern.test(userAgent.slice(0, 300))) ?? ['other']
  if (known.size < knownMax) known.set(userAgent, kind)
  return kind
}
