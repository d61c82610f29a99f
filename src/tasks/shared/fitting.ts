import { SeqloomError } from '../../errors.js'
import { Embedding } from '../../layers/embedding.js'
import { type Kind, nounFor } from '../../model/contents.js'
import type { Model } from '../../model/index.js'

/** A saved model, and what was saved in `folder`, whose files it must fit. */
export interface Saved {
  readonly folder: string
  readonly kind: Kind
  readonly model: Model
}

/** `ERR_FORMAT`, naming both sizes, unless the last axis of an output has one place for each of `count` things. */
export function checkWrites({ folder, kind, model }: Saved, output: number, count: number, what: string): void {
  const size = model.topology().outputs[output]?.shape.at(-1)
  if (size === count) return
  const given = size === undefined ? `no output ${output}` : `an output of size ${size}`
  throw new SeqloomError(
    'ERR_FORMAT',
    `${folder} is no ${nounFor(kind)}: its model has ${given}, but there are ${count} ${what}`,
  )
}

/** `ERR_FORMAT`, naming both sizes, unless the tables of embeddings, those of a name if one is given, have a row for each of `count` tokens. */
export function checkReads({ folder, kind, model }: Saved, count: number, what: string, name?: string): void {
  const { layers, names } = model.topology()
  const tables = layers.filter(
    (layer) => layer instanceof Embedding && (name === undefined || names.get(layer) === name),
  )
  const sizes = tables.map((layer) => (layer as unknown as Embedding).inputDim)
  if (sizes.length > 0 && sizes.every((size) => size === count)) return
  const given = sizes.length === 0 ? 'no embedding of them' : `an embedding of ${sizes.join(' and ')}`
  throw new SeqloomError(
    'ERR_FORMAT',
    `${folder} is no ${nounFor(kind)}: there are ${count} ${what}, but its model has ${given}`,
  )
}
