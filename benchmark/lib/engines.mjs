import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fileOf } from './options.mjs'

/** The folder that the peers are installed in. */
export const peersFolder = process.env.PEERS_DIR ?? join(homedir(), '.cache', 'peers')

/** The Python that has the Python peers. */
export const python = join(peersFolder, 'venv', 'bin', 'python')

/** A path of this folder. */
export const here = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url))

/** A file of the data sets that are not part of the project. */
export const sharedData = (name) => join(process.env.SEQLOOM_SHARED ?? here('../../shared'), 'data', name)

const node = process.execPath
const module = (name) => join(peersFolder, 'node', 'node_modules', name)
const tfjs = module('@tensorflow/tfjs')

/**
 * How each engine is started, the path without which it is not installed, and whether it can use more than one thread (tfjs's
 * own backends cannot in Node).
 */
const engines = {
  seqloom: { command: node, file: 'seqloom.mjs', needs: here('../dist/index.js'), threaded: true },
  pytorch: { command: python, file: 'pytorch.py', needs: python, threaded: true },
  onnxruntime: { command: python, file: 'onnxruntime-python.py', needs: python, threaded: true },
  'onnxruntime-node': {
    command: node,
    file: 'onnxruntime-node.mjs',
    needs: module('onnxruntime-node'),
    threaded: true,
  },
  'tfjs-node': { command: node, file: 'tfjs-node.mjs', needs: module('@tensorflow/tfjs-node'), threaded: true },
  'tfjs-wasm': {
    command: node,
    file: 'tfjs-wasm.mjs',
    needs: module('@tensorflow/tfjs-backend-wasm'),
    threaded: false,
  },
  'tfjs-cpu': { command: node, file: 'tfjs-cpu.mjs', needs: tfjs, threaded: false },
}

/** The names of all engines. */
export const engineNames = Object.keys(engines)

/** An engine by name. A path is another clone of the project, built: its Seqloom is a peer, to compare two builds in one run. */
function engineOf(name) {
  if (!name.includes('/')) return engines[name]
  return {
    command: node,
    file: join(fileOf(name), 'benchmark', 'engines', 'seqloom.mjs'),
    needs: join(fileOf(name), 'dist', 'index.js'),
    threaded: true,
  }
}

/** Why an engine cannot be started on this machine, or undefined. */
export function missing(name) {
  const engine = engineOf(name)
  if (engine === undefined) return `there is no engine named ${name}; there are ${engineNames.join(', ')}`
  return existsSync(engine.needs) ? undefined : `${name} is not installed (${engine.needs} is missing)`
}

/** The names among `names` that can be started; the others are named on stderr. */
export function installed(names) {
  return names.filter((name) => {
    const why = missing(name)
    if (why !== undefined) console.error(why)
    return why === undefined
  })
}

/** The numbers of threads that an engine is measured with: 1, 2, 4, … and the most, if it can use several. */
export function threadSettings(name, most) {
  const settings = []
  for (let threads = 1; threads < most && engineOf(name).threaded; threads *= 2) settings.push(threads)
  return [...settings, engineOf(name).threaded ? most : 1]
}

/** The command, the arguments and the environment of an engine's process. */
export function processOf(name, threads) {
  const { command, file } = engineOf(name)
  return {
    command,
    args: [resolve(here('engines'), file), String(threads), peersFolder],
    env: {
      ...process.env,
      SEQLOOM_THREADS: String(threads),
      OMP_NUM_THREADS: String(threads),
      // TensorFlow reads its settings when its library is loaded.
      TF_NUM_INTRAOP_THREADS: String(threads),
      TF_NUM_INTEROP_THREADS: '1',
      TF_CPP_MIN_LOG_LEVEL: '3',
    },
  }
}
