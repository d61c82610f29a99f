import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { SeqloomError } from '../errors.js'
import { isThere } from '../files.js'

// Models of TensorFlow that are no layers but operations. They are refused with the way to what can be read.

/** `ERR_UNSUPPORTED` for a SavedModel: its folder, or a file in it. */
export async function refuseSavedModel(path: string): Promise<void> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
  const isSaved = isFolder
    ? await isThere(join(path, 'saved_model.pb'))
    : ['saved_model.pb', 'keras_metadata.pb'].includes(basename(path))
  if (!isSaved) return
  throw new SeqloomError(
    'ERR_UNSUPPORTED',
    `'${path}' is a SavedModel of TensorFlow, whose operations are not known as layers; if Keras 2 saved it, tf_keras.models.load_model(folder).save('model.h5') in Python writes what can be read`,
  )
}

/** `ERR_UNSUPPORTED` for what begins as a file of TensorFlow Lite does. */
export function refuseLite(where: string, head: Uint8Array): void {
  if (Buffer.from(head.subarray(4, 8)).toString('latin1') !== 'TFL3') return
  throw new SeqloomError(
    'ERR_UNSUPPORTED',
    `${where} is a model of TensorFlow Lite, whose operations are not known as layers; load the Keras file that it was made of, or convert it to ONNX with tf2onnx`,
  )
}
