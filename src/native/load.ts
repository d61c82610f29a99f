import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import nodeModule from 'node:module'
import { dirname, isAbsolute, join } from 'node:path'
import { runInThisContext } from 'node:vm'
import { SeqloomError } from '../errors.js'
import { describeMachine, targets, thisTarget } from './machine.js'
import { ownFile, ownFolder } from './place.js'
import { name, version } from './version.js'

/** The addon, as its generated declarations describe it. */
export type Native = typeof import('./binding.cjs')

/** What the loader reads from a platform package's `package.json`. */
interface Manifest {
  readonly name: string
  readonly version: string
  readonly main: string
  /** The hash of the engine's file, as it was packed. */
  readonly sha256?: string
}

const load = nodeModule.createRequire(ownFile)

/**
 * The file from which the platforms' packages are resolved. It names them all, so that tools which trace the files a
 * program needs find the packages through this expression.
 */
const platforms = typeof __dirname === 'string' ? `${__dirname}/../native/platforms.js` : ownFile

/**
 * Loads the engine: the one that was built here or lies next to the bundle, else the one from this machine's package.
 * Throws `ERR_NATIVE`, whose message says what to do.
 */
export function loadNative(): Native {
  try {
    return located()
  } catch (error) {
    // Thrown by code of its own: of an error that ends the process, Node.js prints the line that threw it before the
    // message. Of a minified bundle that line is the whole bundle, of which a pipe takes only the beginning.
    return runInThisContext('(error) => { throw error }', name)(error)
  }
}

function located(): Native {
  const target = thisTarget()
  const beside = besideCode(`${name}.${target}.node`)
  const remedy = beside === undefined ? reinstall(target) : rebuild(target)
  const native = open(beside ?? installed(target), remedy)
  const found = native.addonVersion()
  if (found === version) return native
  throw failure(`it has version ${found}, but ${name} has ${version}`, remedy)
}

/**
 * The path of a file that lies next to this code; in a bundle, whose parts may be in folders of their own, also next to
 * the program.
 */
function besideCode(file: string): string | undefined {
  const places = ownFolder === undefined ? [ownFile, process.argv[1]] : [join(ownFolder, 'native', file)]
  const paths = places.flatMap((place) => (place === undefined ? [] : [join(dirname(place), file)]))
  return paths.find((path) => isAbsolute(path) && existsSync(path))
}

/** The path of the engine in the platform's package, after checking that it is the published one. */
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
  // Mapping a truncated or altered file into memory may end the process instead of throwing.
  const sha256 = existsSync(file) ? createHash('sha256').update(readFileSync(file)).digest('hex') : 'none'
  if (sha256 !== manifest.sha256) {
    const state = sha256 === 'none' ? 'is missing' : 'is not the one that was published'
    throw failure(`the file ${file} of the package ${wanted} ${state}`, reinstall(target))
  }
  return file
}

/**
 * The path of an installed package's `package.json`, resolved from this code or, in a bundle that was moved, from the
 * program or its working folder.
 */
function find(packageName: string): string | undefined {
  const places = ownFolder === undefined ? [ownFile, process.argv[1], join(process.cwd(), 'program.js')] : [platforms]
  for (const place of places) {
    if (place === undefined || !isAbsolute(place)) continue
    try {
      return nodeModule.createRequire(place).resolve(`${packageName}/package.json`)
    } catch {
      // Not resolvable from there.
    }
  }
  return undefined
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
  if (ownFolder === undefined) {
    return failure(
      `neither the package ${wanted} nor ${name}.${target}.node is where the bundle ${ownFile} finds it`,
      `Keep ${name} out of the bundle as an external package, install ${wanted}@${version} where the bundle runs, or copy ` +
        `${name}.${target}.node from that package into ${dirname(ownFile)}.`,
    )
  }
  if (existsSync(join(ownFolder, '../bindings/node/Cargo.toml'))) {
    return failure(
      `it has not been built, and the package ${wanted} is not installed`,
      'Build it with `npm run build`.',
    )
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

/**
 * The command that installs a package; it does not save it, since a dependency on one platform's package cannot be
 * installed on the others.
 */
function install(target: string): string {
  return `npm install --no-save ${name}-${target}@${version}`
}

/** How to fix an engine that lies next to this code. */
function rebuild(target: string): string {
  return ownFolder === undefined
    ? `Copy it anew from the package ${name}-${target}@${version}.`
    : 'Build it anew with `npm run build`.'
}

function reinstall(target: string): string {
  return `Install it anew with \`npm uninstall --no-save ${name}-${target} && ${install(target)}\`.`
}

function failure(problem: string, remedy: string, cause?: unknown): SeqloomError {
  const message = `The native engine of ${name} ${version} could not be loaded: ${problem}. This is ${describeMachine()}. ${remedy}`
  const { stackTraceLimit } = Error
  // Where an error was made is a line to print, too, unless it is told as text.
  Error.stackTraceLimit = 0
  const error = new SeqloomError('ERR_NATIVE', message, cause === undefined ? undefined : { cause })
  Error.stackTraceLimit = stackTraceLimit
  const frames = String(new Error().stack).split('\n').slice(1)
  error.stack = [`${error.name}: ${message}`, ...frames].join('\n')
  return error
}
