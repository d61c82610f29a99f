// `npm run pack`: makes the npm packages from dist and the addons, in a copy, and writes their tarballs to `packages`.
// `--addons DIR` takes the addons from another folder than dist/native, `--out DIR` writes elsewhere, `--all` fails where a target's is missing.
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { NapiCli, parseTriple } from '@napi-rs/cli'
import { thirdPartyLicences } from './licences.mjs'
import { must, root } from './run.mjs'

const licences = ['LICENSE', 'LICENSE-MIT', 'LICENSE-APACHE']
const notices = 'THIRD-PARTY-LICENSES.txt'
/** The most bytes that a package may take, unpacked. The goal is 5 MB; this only keeps what is reached so far. */
export const limit = 9_650_000

/** The most bytes of the dashboard's page, which is a part of `seqloom`. */
const pageLimit = 600_000

/** Packs `seqloom` and the package of every target whose addon is there; resolves to what npm says of each tarball. */
export async function pack({ addons = join(root, 'dist', 'native'), out = join(root, 'packages'), all = false } = {}) {
  const stage = mkdtempSync(join(tmpdir(), 'seqloom-pack-'))
  try {
    const manifest = read(join(root, 'package.json'))
    copyFileSync(join(root, 'package.json'), join(stage, 'package.json'))
    await new NapiCli().createNpmDirs({ cwd: stage })
    const folders = []
    for (const target of manifest.napi.targets) {
      const folder = join(stage, 'npm', parseTriple(target).platformArchABI)
      const addon = join(addons, read(join(folder, 'package.json')).main)
      if (existsSync(addon)) folders.push(await stagePlatform(folder, addon, target))
      else if (all) throw new Error(`${addon} is missing`)
    }
    folders.push(stageMain(join(stage, 'main'), manifest))
    mkdirSync(out, { recursive: true })
    const packed = []
    for (const folder of folders) packed.push(await tarball(folder, out))
    return packed
  } finally {
    rmSync(stage, { recursive: true, force: true })
  }
}

async function stagePlatform(folder, addon, target) {
  const manifest = read(join(folder, 'package.json'))
  copyFileSync(addon, join(folder, manifest.main))
  writeFileSync(join(folder, notices), await thirdPartyLicences(target))
  for (const file of licences) copyFileSync(join(root, file), join(folder, file))
  manifest.files.push(notices, ...licences)
  // What the loader compares the file with before it maps it into memory.
  manifest.sha256 = createHash('sha256').update(readFileSync(addon)).digest('hex')
  write(join(folder, 'package.json'), fromHere(manifest))
  return folder
}

function stageMain(folder, { name, version, napi, scripts: _, devDependencies: __, ...manifest }) {
  const platforms = napi.targets.map((target) => `${name}-${parseTriple(target).platformArchABI}`)
  const optionalDependencies = Object.fromEntries(platforms.map((platform) => [platform, version]))
  mkdirSync(folder)
  // For bundlers only: the sources have a module that is imported for what it does.
  write(
    join(folder, 'package.json'),
    fromHere({ name, version, ...manifest, sideEffects: false, optionalDependencies }),
  )
  for (const file of manifest.files.filter((each) => !each.startsWith('!'))) {
    cpSync(join(root, file), join(folder, file), { recursive: true })
  }
  const page = join(folder, 'dist', 'dashboard')
  const pageSize = readdirSync(page).reduce((sum, file) => sum + statSync(join(page, file)).size, 0)
  if (pageSize > pageLimit) throw new Error(`the dashboard's page takes more than ${kilobytes(pageLimit)}`)
  const readme = join(folder, 'README.md')
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository } = process.env
  if (repository) writeFileSync(readme, absoluteLinks(readFileSync(readme, 'utf8'), `${server}/${repository}`, version))
  return folder
}

/** A README whose relative links lead to the files of a version in a repository on GitHub: a registry's page has none of them. */
export function absoluteLinks(text, repository, version) {
  return text.replaceAll(/(!?)(\[[^\]]*\]\()(?![a-z]+:|#)([^)]+\))/g, (_, image, label, path) => {
    return `${image}${label}${repository}/${image ? 'raw' : 'blob'}/v${version}/${path}`
  })
}

/** On GitHub, npm's statement of provenance must name the repository that the package was built in. */
function fromHere(manifest) {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository } = process.env
  return repository ? { ...manifest, repository: { type: 'git', url: `git+${server}/${repository}.git` } } : manifest
}

async function tarball(folder, out) {
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', resolve(out)]
  const { output } = await must('npm', args, { capture: 'quiet', cwd: folder })
  const [{ name, filename, size, unpackedSize, files }] = JSON.parse(output)
  const path = join(out, filename)
  console.log(`${path}: ${kilobytes(size)}, unpacked ${kilobytes(unpackedSize)}, ${files.length} files`)
  return { name, path, size, unpackedSize }
}

const kilobytes = (bytes) => `${Math.ceil(bytes / 1000)} kB`
const read = (path) => JSON.parse(readFileSync(path, 'utf8'))
const write = (path, value) => writeFileSync(path, `${JSON.stringify(value, undefined, 2)}\n`)

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const string = { type: 'string' }
  const options = { addons: string, out: string, all: { type: 'boolean' } }
  for (const { name, unpackedSize } of await pack(parseArgs({ options }).values)) {
    if (unpackedSize > limit) throw new Error(`${name} takes more than ${kilobytes(limit)} unpacked`)
  }
}
