// What tfjs has and this entry has not. Each says what to use in its place.
import { type Refused, refused, refusedFunctions } from './refused.js'

const complex = 'complex numbers are not supported; compute with the real and the imaginary part'
const images =
  'it is for sequences; decode and resize pictures with a package for images, and give their numbers to tf.tensor()'
const flat = 'use a layer of tf.layers, such as conv2dTranspose, in a model'
const sparse = 'use tf.gather, tf.gatherND and tf.scatterND'

export const conv2dTranspose: Refused = refused('conv2dTranspose', flat)
export const conv3dTranspose: Refused = refused('conv3dTranspose', flat)
export const dilation2d: Refused = refused('dilation2d', images)
export const maxPoolWithArgmax: Refused = refused('maxPoolWithArgmax', flat)
export const localResponseNormalization: Refused = refused('localResponseNormalization', images)
export const batchToSpaceND: Refused = refused('batchToSpaceND', 'use tf.reshape and tf.transpose')
export const spaceToBatchND: Refused = refused('spaceToBatchND', 'use tf.reshape and tf.transpose')
export const depthToSpace: Refused = refused('depthToSpace', 'use tf.reshape and tf.transpose')

const complexNumbers: Refused = refused('complex', complex)
export const real: Refused = refused('real', complex)
export const imag: Refused = refused('imag', complex)
export const fft: Refused = refused('fft', complex)
export const ifft: Refused = refused('ifft', complex)
export const rfft: Refused = refused('rfft', complex)
export const irfft: Refused = refused('irfft', complex)

export const raggedGather: Refused = refused(
  'raggedGather',
  'pad the rows, or give ragged arrays to a model of seqloom',
)
export const raggedRange: Refused = refused('raggedRange', 'pad the rows')
export const raggedTensorToTensor: Refused = refused('raggedTensorToTensor', 'pad the rows')

export const loadGraphModel: Refused = refused(
  'loadGraphModel',
  'only layers models can be read: tf.loadLayersModel(), or interop.loadOnnx() of seqloom for an ONNX file',
)
export const loadGraphModelSync: Refused = refused('loadGraphModelSync', 'use tf.loadLayersModel()')
export const registerOp: Refused = refused('registerOp', 'graph models cannot be read')
export const registerKernel: Refused = refused('registerKernel', 'its engine has kernels of its own')
export const registerGradient: Refused = refused('registerGradient', 'use tf.customGrad')

export const image: Readonly<Record<string, Refused>> = refusedFunctions('image', images)
export const browser: Readonly<Record<string, Refused>> = refusedFunctions('browser', images)
export const signal: Readonly<Record<string, Refused>> = refusedFunctions('signal', complex)
export const spectral: Readonly<Record<string, Refused>> = refusedFunctions('spectral', complex)
const sparseFunctions: Readonly<Record<string, Refused>> = refusedFunctions('sparse', sparse)
export const fused: Readonly<Record<string, Refused>> = refusedFunctions(
  'fused',
  'use tf.matMul, tf.add and an activation',
)
export const string: Readonly<Record<string, Refused>> = refusedFunctions(
  'string',
  "use JavaScript's own functions of strings, or text of seqloom",
)

export { complexNumbers as complex, sparseFunctions as sparse }
