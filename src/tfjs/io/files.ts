import { mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SeqloomError } from '../../errors.js'
import { cannot, isThere, replaceFile } from '../../files.js'
import { readDescription } from '../../interop/tfjs/artifacts.js'
import { bytesOfFiles } from '../../interop/tfjs/bytes.js'
import { jsonOf } from '../../interop/tfjs/load.js'
import { isRecord } from '../../options.js'
import { infoOf, joinedBuffer } from './artifacts.js'
import type { IOHandler, ModelArtifacts, SaveResult } from './types.js'

const description = 'model.json'
const weightsFile = 'weights.bin'

/** The path of a `file://` URL, which may be relative, as in tfjs: `file://./model`. */
export function pathOfFileUrl(url: string): string {
  const rest = url.slice('file://'.length)
  return rest.startsWith('/')
    ? fileURLToPath(new URL(encodeURI(url).replaceAll('#', '%23').replaceAll('?', '%3F')))
    : rest
}

/**
 * Saves a model to a folder, as `model.json` and `weights.bin`, and loads one from its `model.json`. A layers model
 * that is there, whoever wrote it, is replaced, as in tfjs; any other file of these names is not, which is `ERR_IO`.
 */
export function fileSystem(path: string | string[]): IOHandler {
  const [only, ...others] = Array.isArray(path) ? path : [path]
  if (typeof only !== 'string' || only === '') throw new SeqloomError('ERR_OPTION', 'fileSystem: a path must be given')
  if (others.length > 0) {
    throw new SeqloomError(
      'ERR_UNSUPPORTED',
      'fileSystem: give the path of the model.json alone; it names the files of weights',
    )
  }
  return { save: (artifacts) => saveFolder(only, artifacts), load: () => loadFile(only) }
}

async function saveFolder(folder: string, artifacts: ModelArtifacts): Promise<SaveResult> {
  const { modelTopology, weightSpecs = [], weightData, ...about } = artifacts
  if (modelTopology === undefined || ArrayBuffer.isView(modelTopology) || modelTopology instanceof ArrayBuffer) {
    throw new SeqloomError('ERR_UNSUPPORTED', 'fileSystem: only models described as JSON are saved')
  }
  await checkFolder(folder)
  try {
    await mkdir(folder, { recursive: true })
    const bytes = joinedBuffer(weightData)
    await replaceFile(join(folder, weightsFile), new Uint8Array(bytes))
    const text = JSON.stringify({
      modelTopology,
      weightsManifest: [{ paths: [weightsFile], weights: weightSpecs }],
      ...about,
    })
    await replaceFile(join(folder, description), Buffer.from(text))
  } catch (cause) {
    throw cannot('save to', `'${folder}'`, cause)
  }
  return { modelArtifactsInfo: infoOf(artifacts) }
}

/** `ERR_IO` where a file would be replaced that is no part of a layers model. */
async function checkFolder(folder: string): Promise<void> {
  const inTheWay = (file: string, why: string) =>
    new SeqloomError(
      'ERR_IO',
      `'${join(folder, file)}' is in the way: ${why}, and is not replaced; save to another folder`,
    )
  let known: unknown[] = []
  const file = join(folder, description)
  if (await isThere(file)) {
    const json = await jsonOf(file).catch(() => undefined)
    const isModel = isRecord(json) && isRecord(json.modelTopology) && json.format !== 'graph-model'
    if (!isModel) throw inTheWay(description, 'it describes no layers model')
    const groups = Array.isArray(json.weightsManifest) ? json.weightsManifest : []
    known = groups.flatMap((group: unknown) => (isRecord(group) && Array.isArray(group.paths) ? group.paths : []))
  }
  if (!known.includes(weightsFile) && (await isThere(join(folder, weightsFile)))) {
    throw inTheWay(weightsFile, `no ${description} beside it names it`)
  }
}

async function loadFile(path: string): Promise<ModelArtifacts> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
  const file = isFolder ? join(path, description) : path
  const where = `'${file}'`
  const json = await jsonOf(file)
  const { groups } = readDescription(where, json)
  const parts: Uint8Array[] = []
  for (const { paths } of groups) {
    const bytes = await bytesOfFiles(where, file, paths)
    parts.push(await bytes.read(0, bytes.size))
  }
  return artifactsOf(json as Readonly<Record<string, unknown>>, parts)
}

/** What a description and its files of weights say. */
export function artifactsOf(json: Readonly<Record<string, unknown>>, parts: readonly Uint8Array[]): ModelArtifacts {
  const { weightsManifest, ...about } = json
  const groups = (weightsManifest as { weights?: unknown }[]).flatMap((group) =>
    isRecord(group) && Array.isArray(group.weights) ? group.weights : [],
  )
  const weightData = parts.map((part) => part.buffer.slice(part.byteOffset, part.byteOffset + part.byteLength))
  return { ...about, weightSpecs: groups, weightData: joinedBuffer(weightData as ArrayBuffer[]) } as ModelArtifacts
}
