// Files of torch.save in both forms, and .safetensors.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { interop } from 'seqloom'
import { alterBytes } from '../alter/bytes.mjs'
import { parsed, wordsOf } from '../alter/data.mjs'
import { alterPickle, alterPickles } from '../alter/pickle.mjs'
import { alterTensors } from '../alter/tensors.mjs'
import { alterZip } from '../alter/zip.mjs'
import { fixtures } from './fixtures.mjs'
import { bidirectional, stack } from './models.mjs'
import { Receiver, useModel } from './use.mjs'

const written = { stack, bidirectional }

function reader(ending, corpus, alter) {
  let receivers
  return {
    async make(folder) {
      for (const [name, bytes] of corpus()) writeFileSync(join(folder, name), bytes)
      for (const [name, make] of Object.entries(written)) {
        const m = make()
        if (ending !== undefined) await interop.toPyTorch(m, join(folder, `${name}${ending}`))
        m.dispose()
      }
    },
    async open(entries) {
      receivers = new Map()
      for (const { name, bytes } of entries) {
        const own = Object.entries(written).find(([key]) => name.startsWith(`${key}.`))?.[1]
        const made = own
          ? own()
          : await interop.loadPyTorch(bytes).then(
              ({ model }) => model,
              () => undefined,
            )
        if (made) receivers.set(name, new Receiver(made))
      }
    },
    alter,
    async use({ name, bytes, random }) {
      const options = { ...(random.below(8) === 0 ? { key: random.of(['state_dict', 'model', '0']) } : {}) }
      const receiver = receivers.get(name)
      if (receiver && random.below(2) === 0) {
        return await receiver.load((model) => interop.loadPyTorch(bytes, { model, ...options }))
      }
      const { model } = await interop.loadPyTorch(bytes, options)
      await useModel(model)
    },
  }
}

/** Whether a file is in the newer form. */
const isZip = (bytes) => bytes.subarray(0, 2).toString('latin1') === 'PK'

const another = (random, entries) => random.of(entries).bytes

export const pytorch = reader(
  '.pt',
  () => [...fixtures('pytorch', /\.pth?$/)].filter(([, bytes]) => isZip(bytes)),
  (random, { bytes }, entries) =>
    random.below(4) === 0
      ? alterBytes(random, bytes, another(random, entries))
      : alterZip(
          random,
          bytes,
          (name, data) => (name.endsWith('data.pkl') ? alterPickle(random, data) : alterBytes(random, data)),
          (name) => random.below(6) === 0 || name.endsWith('data.pkl'),
        ),
)

export const pytorchOld = reader(
  undefined,
  () => [...fixtures('pytorch', /\.pth?$/)].filter(([, bytes]) => !isZip(bytes)),
  (random, { bytes }, entries) =>
    random.below(4) === 0 ? alterBytes(random, bytes, another(random, entries)) : alterPickles(random, bytes),
)

export const safetensors = reader(
  '.safetensors',
  () => fixtures('golden/torch-cells', /\.safetensors$/),
  (random, { bytes }, entries) => {
    if (random.below(3) === 0) return alterBytes(random, bytes, another(random, entries))
    const header = parsed(bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE(0))))
    return alterTensors(random, bytes, wordsOf(header))
  },
)
