import { isRecord } from '../../options.js'
import { beforeGraph, type Dialect, worded } from './classes.js'
import { hardSigmoidOf } from './hardSigmoid.js'
import { isRule, ruleOf } from './rules.js'
import { camelCase, type KerasObject, type Origin } from './saved.js'

/** Options that say nothing about a layer's results here. */
const silent = new Set([
  ...['name', 'trainable', 'dtype', 'batch_input_shape', 'batch_shape', 'input_shape', 'input_dtype', 'build_config'],
  ...[
    'alpha',
    'kernel',
    'recurrent',
    'depthwise',
    'pointwise',
    'bias',
    'embeddings',
    'beta',
    'gamma',
    'moving_mean',
    'moving_variance',
  ].map((name) => `${name}_initializer`),
  ...['renorm_momentum', 'unit_forget_bias', 'seed', 'implementation', 'unroll', 'use_cudnn', 'quantization_config'],
  ...[
    'input_length',
    'supports_masking',
    'lora_rank',
    'lora_alpha',
    'updatable',
    'batch_size',
    'sparse',
    'vocabulary_size',
    'vocabulary_dtype',
    'has_input_vocabulary',
  ],
])

/** Values of an option that ask for nothing. */
const isNothing = (value: unknown): boolean =>
  value === 'channels_last' ||
  value === null ||
  value === undefined ||
  value === false ||
  value === 0 ||
  (Array.isArray(value) && value.length === 0)

/** Values by which an option asks for nothing. */
const usual: Readonly<Record<string, unknown>> = { encoding: 'utf-8', groups: 1 }

/** The options of ours for those of a saved layer that are `known`; others are noted, unless they say nothing. */
export function optionsOf(object: KerasObject, known: readonly string[], origin: Origin): Record<string, unknown> {
  const options: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(object.config)) {
    if (known.includes(key)) {
      options[camelCase(key)] = key.endsWith('activation')
        ? activationOf(object, value, origin)
        : plain(object, key, value)
    } else if (isRule(key)) {
      if (isNothing(value)) continue
      const rule = ruleOf(value)
      if (rule) options[camelCase(key)] = rule
      else origin.leftOut.push(`${key} of '${object.name}'`)
    } else if (key === 'rms_scaling') {
      if (!isNothing(value)) origin.leftOut.push(`${key} of '${object.name}'`)
    } else if (!silent.has(key) && !isNothing(value) && !(Object.hasOwn(usual, key) && usual[key] === value)) {
      origin.problems.add(`the option ${key} of the ${object.className} '${object.name}': ${JSON.stringify(value)}`)
    }
  }
  return options
}

/** Words are written our way; where an axis is counted from the front, `graph.ts` compares it with the input. */
const plain = (object: KerasObject, key: string, value: unknown): unknown => {
  if (key === 'axis' && onlyAxis(object) !== undefined) return -1
  if (!worded.has(key) && beforeGraph.has(object.className)) return value
  return typeof value === 'string' ? camelCase(formerWords.get(value) ?? value) : value
}

/** Words that stand for others in older files. */
const formerWords: ReadonlyMap<string, string> = new Map([
  ['binary', 'multi_hot'],
  ['tf-idf', 'tf_idf'],
])

/** The layers that work along any axis. */
const free = new Set([
  ...['BatchNormalization', 'Concatenate', 'GroupNormalization', 'LayerNormalization', 'Normalization'],
  'UnitNormalization',
])

/** The axis of a layer that has to be the last: a number, or, as layers that normalize save it, a list of one. */
export function onlyAxis({ className, config: { axis } }: KerasObject): number | undefined {
  const [only, ...others] = Array.isArray(axis) ? axis : [axis]
  return !free.has(className) && others.length === 0 && Number.isInteger(only) ? (only as number) : undefined
}

/** Activations by Keras's name. */
const activations: ReadonlyMap<string, string> = new Map([
  ...[
    ...['linear', 'relu', 'sigmoid', 'tanh', 'softsign', 'softplus', 'elu', 'selu', 'gelu', 'silu'],
    ...['exponential', 'softmax', 'hard_sigmoid', 'log_softmax', 'mish', 'relu6', 'leaky_relu'],
  ].map((name): [string, string] => [name, camelCase(name)]),
  ['swish', 'silu'],
])

/** Activations of ours that another name stands for, or none, in some programs. */
const differing: Readonly<Record<string, Partial<Record<Dialect, string | undefined>>>> = {
  silu: { keras2: 'swish', tfjs: 'swish' },
  exponential: { tfjs: undefined },
  relu6: { keras2: undefined },
  leakyRelu: { keras2: undefined, tfjs: undefined },
}

/** The name of an activation of ours; undefined if the program has none such. */
export function kerasActivation(name: string, dialect: Dialect): string | undefined {
  const other = differing[name]
  if (other !== undefined && dialect in other) return other[dialect]
  return snakeName(name === 'hardSigmoidKeras2' ? 'hardSigmoid' : name)
}

function activationOf(object: KerasObject, value: unknown, origin: Origin): string {
  if (value === null || value === undefined) return 'linear'
  const name = isRecord(value)
    ? ((isRecord(value.config) ? value.config.name : value.config) ?? value.class_name)
    : value
  const found = typeof name === 'string' ? activations.get(snakeName(name)) : undefined
  if (found === 'hardSigmoid') return hardSigmoidOf(origin.dialect)
  if (found !== undefined) return found
  origin.problems.add(`the activation ${JSON.stringify(name)} of the ${object.className} '${object.name}'`)
  return 'linear'
}

/** tfjs writes `hardSigmoid`, Keras `hard_sigmoid`. */
const snakeName = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
