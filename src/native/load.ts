import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SeqloomError } from '../errors.js'
import { describeMachine, targets, thisTarget } from './machine.js'

/** The addon as the generated declarations describe it. */
export type Native = typeof import('./binding.cjs')

/** What the loader reads in `package.json`, of this package and of the platform's. */
interface Manifest {
  readonly name: string
  readonly version: string
  readonly main: string
  /** In a platform's package: of the engine's file, as it was packed. */
  readonly sha256?: string
}

const load = createRequire(import.meta.url)
const { name, version } = load('../../package.json') as Manifest

/** Loads the engine that was built here or else the one of this machine's package. Throws `ERR_NATIVE`, which says what to do. */
export function loadNative(): Native {
  const target = thisTarget()
  const built = fileURLToPath(new URL(`../native/${name}.${target}.node`, import.meta.url))
  const remedy = existsSync(built) ? 'Build it anew with `npm run build`.' : undefined
  const native = open(remedy ? built : installed(target), remedy ?? reinstall(target))
  const found = native.addonVersion()
  if (found === version) return native
  throw failure(`it has version ${found}, but ${name} has ${version}`, remedy ?? reinstall(target))
}

/** The path of the engine in the platform's package, once that is known to be what was published. */
function installed(target: string): string {
  const wanted = `${name}-${target}`
  const manifestPath = find(wanted)
  if (manifestPath === undefined) throw missing(target)
  const manifest = load(manifestPath) as Manifest
  if (manifest.version !== version) {
    throw failure(
      `the package ${wanted} has version ${manifest.version}, but ${name} has ${version}`,
      `Install the same version with \`${install(target)}\`.`,
    )
  }
  const file = join(dirname(manifestPath), manifest.main)
  // Mapping a file that is cut short or altered into memory may end the process instead of throwing.
  const sha256 = existsSync(file) ? createHash('sha256').update(readFileSync(file)).digest('hex') : 'none'
  if (sha256 !== manifest.sha256) {
    const state = sha256 === 'none' ? 'is missing' : 'is not the one that was published'
    throw failure(`the file ${file} of the package ${wanted} ${state}`, reinstall(target))
  }
  return file
}

function find(packageName: string): string | undefined {
  try {
    return load.resolve(`${packageName}/package.json`)
  } catch {
    return undefined
  }
}

function open(file: string, remedy: string): Native {
  try {
    return load(file) as Native
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw failure(`${file} was refused by the system: ${reason}`, remedy, cause)
  }
}

function missing(target: string): SeqloomError {
  const wanted = `${name}-${target}`
  if (existsSync(new URL('../../bindings/node/Cargo.toml', import.meta.url))) {
    return failure(`neither a build of it nor the package ${wanted} is there`, 'Build it with `npm run build`.')
  }
  if (!(targets as readonly string[]).includes(target)) {
    return failure(
      `there is no package ${wanted}`,
      `Packages exist for ${targets.join(', ')}; elsewhere, build ${name} from its source.`,
    )
  }
  const others = targets.filter((other) => find(`${name}-${other}`) !== undefined).map((other) => `${name}-${other}`)
  const found = others.length > 0 ? ` (installed, but for another machine: ${others.join(', ')})` : ''
  return failure(
    `the package ${wanted} is not installed${found}`,
    `Install it with \`${install(target)}\`. It is an optional dependency of ${name}: it is left out by ` +
      '`--omit=optional`, and by a node_modules or lock file that was made on another machine.',
  )
}

/** Not saved: a dependency on one platform's package would refuse to install on the others. */
function install(target: string): string {
  return `npm install --no-save ${name}-${target}@${version}`
}

function reinstall(target: string): string {
  return `Install it anew with \`npm uninstall --no-save ${name}-${target} && ${install(target)}\`.`
}

function failure(problem: string, remedy: string, cause?: unknown): SeqloomError {
  const message = `The native engine of ${name} ${version} could not be loaded: ${problem}. This is ${describeMachine()}. ${remedy}`
  return new SeqloomError('ERR_NATIVE', message, cause === undefined ? undefined : { cause })
}
