import { savedByFirst } from '../../distributed.js'
import { SeqloomError } from '../../errors.js'
import { Embedding } from '../../layers/embedding.js'
import { defineKind, type Kind, nounFor } from '../../model/contents.js'
import {
  type LoadedFolder,
  loadFolder,
  type Model,
  type SaveOptions,
  Sequential,
  saveFolder,
} from '../../model/index.js'
import { isRecord } from '../../options.js'
import { restoredSettings, savedSettings } from './cell.js'
import type { TaskParts } from './served.js'

/** A kind of task. */
export type TaskKind = Kind & { readonly task: string }

/** How a task is saved. */
export interface Saving<Parts extends TaskParts, Settings extends object | undefined = undefined> {
  readonly kind: TaskKind
  /** Checks options and fills in the defaults, `ERR_OPTION`; missing where settings are part of the contents. */
  readonly settings?: (options: never) => Settings
  /** What is saved in addition to the model and the settings: further files by name, and metadata. */
  contents(parts: Parts): Promise<SavedContents> | SavedContents
  /** Makes parts from what was saved; `ERR_FORMAT` if it contradicts itself. */
  read(saved: SavedTask): Promise<Parts> | Parts
}

/** What a task saves in addition to its model. */
export interface SavedContents {
  readonly assets: Readonly<Record<string, string>>
  readonly metadata?: Readonly<Record<string, unknown>>
}

/**
 * The kind of a task: what folders call it, what it is (with its article), its class, and the files by which it was known
 * before folders said what they are.
 */
export function taskKind(name: string, words: string, task: string, files: readonly string[] = []): TaskKind {
  return defineKind({ name, words, task, ...(files.length > 0 && { files }) })
}

/** Saves a task as a model folder. Rejects with `ERR_IO`. */
export async function saveTask<Parts extends TaskParts, Settings extends object | undefined>(
  saving: Saving<Parts, Settings>,
  directory: string | URL,
  parts: Parts,
  settings: Settings,
  options: SaveOptions,
): Promise<void> {
  const { restored = false, unfinished = false } = parts
  const { assets, metadata } = await saving.contents(parts)
  const contents = {
    model: parts.model as Model as never,
    assets,
    metadata: {
      ...{ task: saving.kind.name, ...metadata },
      ...(parts.unknown && { unknown: parts.unknown }),
      ...(settings && { settings: plain(settings) }),
    },
    withoutOptimizerState: restored,
    unfinished,
  }
  await savedByFirst('save', () => saveFolder(directory, contents, options))
}

/**
 * Loads what {@link saveTask} wrote. Rejects with `ERR_IO`, and with `ERR_FORMAT` for a folder that holds something else or
 * contradicts itself.
 */
export async function readTask<Parts extends TaskParts, Settings extends object | undefined>(
  { kind, read, settings }: Saving<Parts, Settings>,
  directory: string | URL,
): Promise<{ readonly parts: Parts; readonly settings: Settings }> {
  const loaded = await loadFolder(directory, kind)
  const { folder, metadata, unfinished } = loaded
  const saved = new SavedTask(loaded)
  const parts = { ...(await read(saved)), unfinished, ...unknownOf(saved) }
  try {
    // Folders that were saved before there were settings have the defaults.
    return { parts, settings: settings?.(restoredSettings(metadata.settings ?? {}) as never) as Settings }
  } catch (error) {
    throw new SeqloomError('ERR_FORMAT', `${folder}: its settings: ${(error as Error).message}`, { cause: error })
  }
}

/** The shares of {@link TaskParts.unknown}, which earlier versions did not save; `ERR_FORMAT` for what are none. */
function unknownOf(saved: SavedTask): Pick<TaskParts, 'unknown'> {
  const { unknown } = saved.metadata
  if (unknown === undefined) return {}
  const isShare = (value: unknown) => typeof value === 'number' && value >= 0 && value <= 1
  if (isRecord(unknown) && Object.values(unknown).every(isShare)) return { unknown: unknown as Record<string, number> }
  throw saved.no('its shares of unknown tokens are none')
}

/** Settings without those that have their own file, such as a tokenizer. */
function plain(settings: object): Readonly<Record<string, unknown>> {
  const { cell } = savedSettings(settings as { readonly cell?: unknown })
  const others = Object.entries(settings).filter(([, value]) => typeof value !== 'object')
  return { ...Object.fromEntries(others), ...(cell !== undefined && { cell }) }
}

/** The contents of a task's folder. */
export class SavedTask {
  readonly #loaded: LoadedFolder

  constructor(loaded: LoadedFolder) {
    this.#loaded = loaded
  }

  /** The path of the folder. */
  get folder(): string {
    return this.#loaded.folder
  }

  get model(): Model {
    return this.#loaded.model
  }

  /** The saved metadata. */
  get metadata(): Readonly<Record<string, unknown>> {
    return this.#loaded.metadata
  }

  /** The error of a folder that does not hold what it should. */
  no(why: string): SeqloomError {
    return new SeqloomError('ERR_FORMAT', `${this.folder} is no ${nounFor(this.#loaded.kind)}: ${why}`)
  }

  /** A file that was saved with the model; `ERR_FORMAT` if there is none. */
  bytes(name: string): Uint8Array {
    const data = this.#loaded.assets[name]
    if (data === undefined) throw this.no(`its model.json names no ${name}`)
    return data
  }

  /** Whether such a file was saved with the model. */
  has(name: string): boolean {
    return this.#loaded.assets[name] !== undefined
  }

  /** The JSON of such a file. */
  json(name: string): unknown {
    const data = this.bytes(name)
    try {
      return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data))
    } catch (error) {
      throw new SeqloomError('ERR_FORMAT', `${this.folder}: ${name}: ${(error as Error).message}`, { cause: error })
    }
  }

  /** The model, which must be sequential, with an output of this rank; else `ERR_FORMAT` for this reason. */
  sequential(axes: number, why: string): Sequential {
    const { model } = this
    if (model instanceof Sequential && model.outputs[0]?.shape.length === axes) return model
    throw this.no(why)
  }

  /**
   * Throws `ERR_FORMAT`, naming both sizes, unless the last axis of an output has one entry for each of `count` things.
   */
  checkWrites(output: number, count: number, what: string): void {
    const size = this.model.topology().outputs[output]?.shape.at(-1)
    if (size === count) return
    const given = size === undefined ? `no output ${output}` : `an output of size ${size}`
    throw this.no(`its model has ${given}, but there are ${count} ${what}`)
  }

  /**
   * Throws `ERR_FORMAT`, naming both sizes, unless the tables of embeddings (those with a given name) have a row for
   * each of `count` tokens.
   */
  checkReads(count: number, what: string, name?: string): void {
    const { layers, names } = this.model.topology()
    const tables = layers.filter(
      (layer) => layer instanceof Embedding && (name === undefined || names.get(layer) === name),
    )
    const sizes = tables.map((layer) => (layer as unknown as Embedding).inputDim)
    if (sizes.length > 0 && sizes.every((size) => size === count)) return
    const given = sizes.length === 0 ? 'no embedding of them' : `an embedding of ${sizes.join(' and ')}`
    throw this.no(`there are ${count} ${what}, but its model has ${given}`)
  }
}
