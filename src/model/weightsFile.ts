import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { SeqloomError } from '../errors.js'
import { cannot, makeFolder, openNamed, piecesOf, replaceNamed } from '../files.js'
import { absolutePathOf } from '../path.js'
import { isFirst } from '../rank.js'
import { folderFiles, readDescription } from './folder.js'
import type { Model } from './model.js'
import { renew } from './newWeights.js'
import { readsFiles } from './readWhole.js'
import { formatChecked, restoreWeights } from './restore.js'
import { snapshot } from './snapshot.js'

const ending = '.safetensors'

/** The files of other programs, and what reads and writes them. */
const others: readonly (readonly [RegExp, string])[] = [
  [/\.(h5|hdf5|keras)$/i, 'Keras: interop.loadKeras(file, { model }), interop.toKeras(model, file)'],
  [/\.(pt|pth|bin)$/i, 'PyTorch: interop.loadPyTorch(file, { model }), interop.toPyTorch(model, file)'],
  [/\.json$/i, 'TensorFlow.js: interop.loadTfjs(file), interop.toTfjs(model, file)'],
]

const hint = (path: string): string => {
  const found = others.find(([name]) => name.test(path))
  return found ? `; for files of ${found[1]}` : ''
}

/** {@link Model.saveWeights} */
export async function saveWeights(model: Model, file: string | URL): Promise<void> {
  const path = absolutePathOf('saveWeights: the file', file)
  if (!path.endsWith(ending)) {
    throw new SeqloomError('ERR_OPTION', `saveWeights: the name of '${path}' must end in ${ending}${hint(path)}`)
  }
  const { weights, free } = await snapshot(model.engine, false, 'saveWeights')
  try {
    if (!isFirst()) return
    await makeFolder(dirname(path)).catch((cause: unknown) => {
      throw cannot('write', `'${path}'`, cause)
    })
    await replaceNamed(path, weights.pieces())
  } finally {
    free()
  }
}

/** {@link Model.loadWeights} */
export async function loadWeights(model: Model, from: string | URL): Promise<void> {
  const path = absolutePathOf('loadWeights: the file', from)
  const found = await stat(path).catch((cause: unknown) => {
    throw cannot('read', `'${path}'`, cause)
  })
  if (found.isDirectory()) {
    await restoreWeights(folderFiles(path), await readDescription(path), model)
    return
  }
  if (!path.endsWith(ending)) {
    const wanted = `loadWeights: expected a file that saveWeights wrote (${ending}), or the folder of a saved model`
    throw new SeqloomError('ERR_OPTION', `${wanted}, not '${path}'${hint(path)}`)
  }
  const file = await openNamed(path)
  try {
    const { size } = await file.stat()
    await renew(model.engine, async (weights) => {
      if (readsFiles && found.isFile()) {
        await formatChecked(path, () => weights.readFile(path, { fd: file.fd, size }))
        return
      }
      const take = (piece: Uint8Array) => formatChecked(path, () => weights.append(piece, size))
      await take(new Uint8Array())
      let read = 0
      for await (const piece of piecesOf(file, size)) {
        await take(piece)
        read += piece.length
      }
      if (read < size) {
        throw new SeqloomError('ERR_FORMAT', `'${path}' has ${read} bytes, not ${size}: it was cut while it was read`)
      }
    })
  } finally {
    await file.close()
  }
}
