// .keras and .h5 files, whole models, weights alone and vocabularies.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { interop } from 'seqloom'
import { alterBytes } from '../alter/bytes.mjs'
import { alterJson, parsed, wordsOf } from '../alter/data.mjs'
import { alterHdf5 } from '../alter/hdf5.mjs'
import { alterZip, unzip } from '../alter/zip.mjs'
import { fixtures } from './fixtures.mjs'
import { attending, bidirectional, ofManyLayers, severalOutputs } from './models.mjs'
import { Receiver, useModel } from './use.mjs'

const written = { attending, bidirectional, ofManyLayers, severalOutputs }

/** Words that mean something in a description. */
const words = [
  ...[
    'LSTM',
    'GRU',
    'SimpleRNN',
    'Dense',
    'Embedding',
    'Masking',
    'Bidirectional',
    'TimeDistributed',
    'RNN',
    'StackedRNNCells',
  ],
  ...[
    'LSTMCell',
    'Functional',
    'Sequential',
    'InputLayer',
    'Add',
    'Concatenate',
    'Dot',
    'Attention',
    'MultiHeadAttention',
  ],
  ...[
    'tanh',
    'relu',
    'softmax',
    'float16',
    'int32',
    'ave',
    'concat',
    'keras.layers',
    '__keras_tensor__',
    'keras_history',
  ],
]
let known = words

const alterArchive = (random, bytes) =>
  alterZip(
    random,
    bytes,
    (name, data) => {
      if (name.endsWith('.json')) return alterJson(random, data, known)
      return name.endsWith('.h5') ? alterHdf5(random, data) : alterBytes(random, data)
    },
    (name) => random.below(4) === 0 || name === 'config.json',
  )

function reader(ending, pattern, load, alter) {
  const receivers = new Map()
  return {
    async make(folder) {
      for (const [name, bytes] of fixtures('keras', pattern)) writeFileSync(join(folder, name), bytes)
      for (const [name, make] of Object.entries(written)) {
        const m = make()
        await interop.toKeras(m, join(folder, `${name}${ending}`))
        m.dispose()
      }
    },
    async open(entries) {
      for (const { name } of entries) {
        const own = Object.entries(written).find(([key]) => name.startsWith(`${key}.`))?.[1]
        if (own) receivers.set(name, new Receiver(own()))
      }
      const configs = entries.flatMap(({ bytes }) =>
        bytes[0] === 0x50
          ? unzip(bytes).flatMap(({ name, data }) => (name.endsWith('.json') ? [parsed(data)] : []))
          : [],
      )
      known = [...words, ...wordsOf(...configs)]
    },
    alter: (random, { bytes }, entries) =>
      random.below(4) === 0 ? alterBytes(random, bytes, random.of(entries).bytes) : alter(random, bytes),
    use: async ({ name, bytes, random }) => await load(bytes, random, receivers.get(name)),
  }
}

async function loadWhole(bytes, random, receiver) {
  if (receiver && random.below(4) === 0) return await receiver.load((model) => interop.loadKeras(bytes, { model }))
  await useModel(await interop.loadKeras(bytes))
}

const loadWeights = async (bytes, _, receiver) =>
  receiver
    ? await receiver.load((model) => interop.loadKeras(bytes, { model }))
    : await useModel(await interop.loadKeras(bytes))

async function loadVocabulary(bytes) {
  const tokenizer = await interop.loadKerasVocabulary(bytes)
  tokenizer.decode(tokenizer.encodeSync(['a word, and Another'])[0])
}

export const keras = reader('.keras', /\.keras(\.gz)?$/, loadWhole, alterArchive)
export const h5 = reader('.h5', /^(?!.*weights).*\.h5(\.gz)?$/, loadWhole, (random, bytes) =>
  alterHdf5(random, bytes, known),
)
export const h5Weights = reader('.weights.h5', /\.weights\.h5(\.gz)?$/, loadWeights, (random, bytes) =>
  alterHdf5(random, bytes),
)
export const kerasVocabulary = {
  ...reader('.keras', /texts\.keras/, loadVocabulary, alterArchive),
  async make(folder) {
    for (const [name, bytes] of fixtures('keras', /texts\.keras/)) writeFileSync(join(folder, name), bytes)
  },
}
