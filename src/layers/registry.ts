import { describe, SeqloomError } from '../errors.js'
import { isRecord } from '../options.js'
import { Activation } from './activation.js'
import { additiveAttention, attention, multiHeadAttention } from './attention.js'
import { Bidirectional } from './bidirectional.js'
import { definedFromConfig } from './defineLayer.js'
import { Dense } from './dense.js'
import { DoublyStochasticPenalty } from './doublyStochastic.js'
import { Dropout } from './dropout.js'
import { Embedding } from './embedding.js'
import { GRU } from './gru.js'
import { LastStep } from './lastStep.js'
import type { AnyLayer } from './layer.js'
import { LayerNormalization } from './layerNormalization.js'
import { LSTM } from './lstm.js'
import { Masking } from './masking.js'
import { Concatenate, Merge, type MergeKind } from './merge.js'
import { GlobalAveragePooling1D, GlobalMaxPooling1D } from './pooling.js'
import { Flatten, RepeatVector, Reshape } from './reshape.js'
import { rnnFromConfig } from './rnn.js'
import { SimpleRNN } from './simpleRnn.js'
import { TimeDistributed } from './timeDistributed.js'

// Options from a file are checked by the constructors at run time; `never` stands for "any type of options".
type Options = never

const merge = (kind: MergeKind) => (options: Options) => new Merge(kind, options)

const makers: ReadonlyMap<string, (options: Options) => AnyLayer> = new Map<string, (options: Options) => AnyLayer>([
  ['AdditiveAttention', additiveAttention as (options: Options) => AnyLayer],
  ['Attention', attention as (options: Options) => AnyLayer],
  ['DoublyStochasticPenalty', (options) => new DoublyStochasticPenalty(options)],
  ['MultiHeadAttention', multiHeadAttention as (options: Options) => AnyLayer],
  ['Activation', (options) => new Activation(options)],
  ['Bidirectional', (options) => new Bidirectional(withInner(options, ['layer', 'backwardLayer']))],
  ['Concatenate', (options) => new Concatenate(options)],
  ['Dense', (options) => new Dense(options)],
  ['Dropout', (options) => new Dropout(options)],
  ['Embedding', (options) => new Embedding(options)],
  ['Flatten', (options) => new Flatten(options)],
  ['GlobalAveragePooling1D', (options) => new GlobalAveragePooling1D('layers.globalAveragePooling1d', options)],
  ['GlobalMaxPooling1D', (options) => new GlobalMaxPooling1D('layers.globalMaxPooling1d', options)],
  ['GRU', (options) => new GRU(options)],
  ['LastStep', (options) => new LastStep(options)],
  ['LayerNormalization', (options) => new LayerNormalization(options)],
  ['LSTM', (options) => new LSTM(options)],
  ['Masking', (options) => new Masking(options)],
  ['RepeatVector', (options) => new RepeatVector(options)],
  ['Reshape', (options) => new Reshape(options)],
  ['RNN', (options) => rnnFromConfig(options)],
  ['SimpleRNN', (options) => new SimpleRNN(options)],
  ['Traced', (options) => definedFromConfig(options)],
  ['TimeDistributed', (options) => new TimeDistributed(withInner(options, ['layer']))],
  ...(['Add', 'Multiply', 'Average', 'Subtract', 'Maximum', 'Minimum'] as const).map(
    (kind) => [kind, merge(kind)] as const,
  ),
])

/** Rebuilds a layer from its configuration; a class that is not one of ours is `ERR_FORMAT`, and nothing is ever executed. */
export function layerFromConfig(saved: unknown): AnyLayer {
  const maker = isRecord(saved) && typeof saved.className === 'string' ? makers.get(saved.className) : undefined
  if (!isRecord(saved) || !maker) {
    const name = isRecord(saved) ? saved.className : saved
    throw new SeqloomError('ERR_FORMAT', `unknown layer class ${describe(name)}`)
  }
  if (!isRecord(saved.config)) {
    throw new SeqloomError('ERR_FORMAT', `the layer of class ${saved.className} has no config`)
  }
  return maker(saved.config as Options)
}

function withInner(options: Options, names: readonly string[]): never {
  const copy: Record<string, unknown> = { ...(options as object) }
  for (const name of names) {
    if (copy[name] !== undefined) copy[name] = layerFromConfig(copy[name])
  }
  return copy as never
}
