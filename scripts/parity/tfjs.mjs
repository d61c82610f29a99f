// Writes tfjs.json: the public names of TensorFlow.js and the options of its layers: `node tfjs.mjs path/to/node_modules`.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'

const [modules = 'node_modules'] = process.argv.slice(2)
const require = createRequire(`${resolve(modules)}/`)
const tf = require('@tensorflow/tfjs')

/** The options of interfaces in declarations, by the interface's name, with those that it extends. */
function interfaces(folder) {
  const found = {}
  for (const file of readdirSync(folder, { recursive: true })) {
    if (!String(file).endsWith('.d.ts')) continue
    const text = readFileSync(join(folder, String(file)), 'utf8')
    for (const [, name, parents = '', body] of text.matchAll(
      /(?:interface|class) (\w+)(?:<[^>]*>)?(?: extends ([\w, ]+))? ?\{\n([\s\S]*?)\n\}/g,
    )) {
      const own = [...body.matchAll(/^ {4}(?:readonly )?(\w+)(\?)?:/gm)].map(([, option, isOptional]) => [
        option,
        !isOptional,
      ])
      found[name] ??= { parents: parents.split(/[, ]+/).filter(Boolean), own: Object.fromEntries(own) }
    }
  }
  return found
}

const known = interfaces(join(modules, '@tensorflow/tfjs-layers/dist'))
function optionsOf(name) {
  const { parents = [], own = {} } = known[name] ?? {}
  return Object.assign({}, ...parents.map(optionsOf), own)
}

const factories = readFileSync(join(modules, '@tensorflow/tfjs-layers/dist/exports_layers.d.ts'), 'utf8')
const layers = {}
for (const name of Object.keys(tf.layers)) {
  const [, args] = new RegExp(`function ${name}\\(args\\??: (\\w+)`).exec(factories) ?? []
  layers[name] = args ? optionsOf(args) : {}
}

const members = (cls) => {
  const found = new Set()
  for (let at = cls.prototype; at && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const name of Object.getOwnPropertyNames(at))
      if (/^[a-z]\w*$/.test(name) && name !== 'constructor') found.add(name)
  }
  return [...found].sort()
}
const own = (object) => Object.keys(object).sort()
const dataset = tf.data.array([1])

const names = {
  version: tf.version.tfjs,
  // Names of kernels are texts, and those of numbers are for backends.
  top: own(tf).filter((name) => !['string', 'number'].includes(typeof tf[name])),
  layers,
  tensor: members(tf.Tensor),
  model: members(tf.Sequential),
  layer: members(tf.layers.Layer),
  train: own(tf.train),
  losses: own(tf.losses),
  metrics: own(tf.metrics),
  initializers: own(tf.initializers),
  regularizers: own(tf.regularizers),
  constraints: own(tf.constraints),
  data: own(tf.data),
  dataset: members(dataset.constructor),
  io: own(tf.io),
  util: own(tf.util),
  callbacks: own(tf.callbacks),
  fit: Object.keys(optionsOf('ModelFitArgs')),
  fitDataset: Object.keys(optionsOf('ModelFitDatasetArgs')),
  compile: Object.keys(optionsOf('ModelCompileArgs')),
}
writeFileSync(new URL('tfjs.json', import.meta.url), `${JSON.stringify(names, undefined, 1)}\n`)
