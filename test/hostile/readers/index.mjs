import { folders } from './folder.mjs'
import { h5, h5Weights, keras, kerasVocabulary } from './keras.mjs'
import { onnx, onnxBytes } from './onnx.mjs'
import { pytorch, pytorchOld, safetensors } from './pytorch.mjs'
import { tfjs } from './tfjs.mjs'
import { tokenizers } from './tokenizers.mjs'
import { vectorsBinary, vectorsText } from './vectors.mjs'

/**
 * All readers, by name. `make` fills a folder with small files, or folders of files; `open` is told of them; `alter` alters one of them, as a number decides;
 * `use` reads what came of it and uses it, and gives errors, if it goes on after them.
 */
export const readers = {
  ...{ safetensors, pytorch, pytorchOld, keras, h5, h5Weights, kerasVocabulary, tfjs, onnx, onnxBytes },
  ...{ vectorsText, vectorsBinary, tokenizers, folders },
}
