import { describe, SeqloomError } from '../../errors.js'
import { checkDepth } from '../../limits.js'
import { unsupported } from '../failure.js'
import { artifactsOf, fileSystem, pathOfFileUrl } from './files.js'
import type {
  IOHandler,
  IOHandlerSync,
  IORouter,
  LoadOptions,
  ModelArtifacts,
  SaveResult,
  WeightData,
  WeightsManifestEntry,
} from './types.js'

/** A handler that gives what is saved to a function. */
export function withSaveHandler(saveHandler: (artifacts: ModelArtifacts) => Promise<SaveResult>): IOHandler {
  return { save: saveHandler }
}

export function withSaveHandlerSync(saveHandler: (artifacts: ModelArtifacts) => SaveResult): IOHandlerSync {
  return { save: saveHandler }
}

/** A handler that loads a model in memory. */
export function fromMemory(
  artifacts: ModelArtifacts | object,
  weightSpecs?: WeightsManifestEntry[],
  weightData?: WeightData,
  trainingConfig?: object,
): IOHandler {
  const whole = artifacts as ModelArtifacts
  const isWhole = whole.modelTopology !== undefined || whole.weightSpecs !== undefined
  const given: ModelArtifacts = isWhole ? whole : { modelTopology: artifacts }
  const loaded: ModelArtifacts = {
    ...given,
    ...(weightSpecs && { weightSpecs }),
    ...(weightData && { weightData }),
    ...(trainingConfig && { trainingConfig }),
  }
  return { load: async () => loaded }
}

export function fromMemorySync(
  artifacts: ModelArtifacts | object,
  weightSpecs?: WeightsManifestEntry[],
  weightData?: WeightData,
): IOHandlerSync {
  const whole = artifacts as ModelArtifacts
  const given: ModelArtifacts =
    whole.modelTopology !== undefined || whole.weightSpecs !== undefined ? whole : { modelTopology: artifacts }
  return { load: () => ({ ...given, ...(weightSpecs && { weightSpecs }), ...(weightData && { weightData }) }) }
}

/** A description at most: far more than the layers of any model need. */
const longestDescription = 64 * 2 ** 20

/** A handler that loads a model from a server. */
export function http(path: string, options: LoadOptions = {}): IOHandler {
  return { load: () => loadFromServer(path, options) }
}

export const browserHTTPRequest = http

/** The same under the name that `@tensorflow/tfjs-node` has for it. */
export const nodeHTTPRequest = (path: string, requestInit?: RequestInit, weightPathPrefix?: string): IOHandler =>
  http(path, { ...(requestInit && { requestInit }), ...(weightPathPrefix !== undefined && { weightPathPrefix }) })

async function loadFromServer(path: string, options: LoadOptions): Promise<ModelArtifacts> {
  const { fetchFunc = fetch, requestInit, onProgress, weightPathPrefix, weightUrlConverter } = options
  const get = async (url: string) => {
    const answer = await fetchFunc(url, requestInit).catch((cause: unknown) => {
      throw new SeqloomError('ERR_IO', `Request to ${url} failed`, { cause })
    })
    if (answer.ok) return answer
    throw new SeqloomError(
      'ERR_IO',
      `Request to ${url} failed with status code ${answer.status}. Please verify this URL points to the model JSON of the model to load.`,
    )
  }
  const text = await (await get(path)).text()
  const wrong = (why: string, cause?: unknown) =>
    new SeqloomError('ERR_FORMAT', `${path}: no model of TensorFlow.js: ${why}`, { cause })
  if (text.length > longestDescription) throw wrong('its description is too long')
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw wrong('it is no JSON', cause)
  }
  checkDepth(path, json)
  const manifest = (json as { weightsManifest?: unknown } | null)?.weightsManifest
  if (!Array.isArray(manifest)) throw wrong('it has no weightsManifest')
  const names = manifest.flatMap((group: { paths?: unknown } | null): unknown[] =>
    Array.isArray(group?.paths) ? group.paths : [],
  )
  const [, folder = '', query = ''] = /^(.*\/)?[^/?]*(\?.*)?$/.exec(path) ?? []
  const parts: Uint8Array[] = []
  for (const [at, name] of names.entries()) {
    if (typeof name !== 'string') throw wrong(`a file of weights is named ${describe(name)}`)
    const url = weightUrlConverter ? await weightUrlConverter(name) : `${weightPathPrefix ?? folder}${name}${query}`
    parts.push(new Uint8Array(await (await get(url)).arrayBuffer()))
    onProgress?.((at + 1) / names.length)
  }
  return artifactsOf(json as Record<string, unknown>, parts)
}

/** Functions of programs that make handlers of URLs of their own. */
const routers: Readonly<Record<'save' | 'load', IORouter[]>> = { save: [], load: [] }

/** Lets a function make the handlers of URLs that are its own: `mydb://model`. */
export const registerSaveRouter = (saveRouter: IORouter): void => {
  routers.save.push(saveRouter)
}
export const registerLoadRouter = (loadRouter: IORouter): void => {
  routers.load.push(loadRouter)
}

export const isHTTPScheme = (url: string): boolean => /^https?:\/\//.test(url)

/** The handler for a URL or what is one already. */
export function handlerOf(given: unknown, purpose: 'save' | 'load', options: LoadOptions = {}): IOHandler {
  if (typeof given !== 'string') {
    const handler = given as IOHandler | null
    if (typeof handler?.[purpose] === 'function') return handler
    throw new SeqloomError(
      'ERR_OPTION',
      `Cannot proceed with model ${purpose === 'save' ? 'saving' : 'loading'}: expected a URL or an IOHandler with ${purpose}, got ${describe(given)}`,
    )
  }
  for (const router of routers[purpose]) {
    const handler = router(given, options)
    if (handler) return handler
  }
  if (given.startsWith('file://')) return fileSystem(pathOfFileUrl(given))
  if (isHTTPScheme(given)) {
    if (purpose === 'load') return http(given, options)
    throw unsupported('saving to a server', 'save with tf.io.withSaveHandler and send what it is given')
  }
  if (/^(localstorage|indexeddb|downloads):\/\//.test(given)) {
    throw unsupported(`'${given}'`, 'it is for browsers: save to file://folder')
  }
  throw new SeqloomError(
    'ERR_OPTION',
    `Cannot find any ${purpose} handlers for URL '${given}'; give 'file://${given}' for files`,
  )
}

/** Handlers of a URL, as tfjs lists them. */
export const getSaveHandlers = (url: string): IOHandler[] => [handlerOf(url, 'save')]
export const getLoadHandlers = (url: string, options?: LoadOptions): IOHandler[] => [handlerOf(url, 'load', options)]

const forBrowsers = (name: string) => async (): Promise<never> => {
  throw unsupported(`tf.io.${name}`, 'it is for models that a browser keeps: models here are files')
}

export const listModels = async (): Promise<Record<string, never>> => ({})
/** Files that somebody chooses in a browser. */
export function browserFiles(..._: unknown[]): never {
  throw unsupported(
    'tf.io.browserFiles',
    'it is for browsers: load from file://folder/model.json, or by tf.io.fromMemory',
  )
}
export const removeModel = forBrowsers('removeModel')
export const copyModel = forBrowsers('copyModel')
export const moveModel = forBrowsers('moveModel')
