// Why names and options of Keras and TensorFlow.js are not there. The first pattern that fits a row's item counts, where
// its call is refused; the last ones say what to do for whatever a section has besides.
const images = 'it is for images and volumes'
const python = 'it belongs to how Keras is written in Python'
const inside = 'it belongs to the inside of TensorFlow.js'
const backends = 'there is one engine, whose kernels are its own'

/** [item, reason] */
const items = [
  // Layers.
  [/`layers\.\w*(2d|3d|2dCell)`/i, images],
  [
    /`layers\.(random|aug|autoContrast|centerCrop|contrast|cutMix|equalization|maxNum|mixUp|randAugment|resizing|solarization|pipeline)/i,
    images,
  ],
  [/`layers\.(stft|mel)/i, 'it is for audio: make spectrograms before training'],
  [/`layers\.(flaxLayer|jaxLayer|torchModuleWrapper|tfsmLayer)`/i, 'it runs layers of another engine'],
  [/`layers\.(inputSpec|wrapper)`/i, python],
  [/`layers\.inputLayer`/i, 'use input(), or inputShape of the first layer'],
  [/`layers\.adaptive/i, 'use a global pooling, or one of known windows'],
  [/`layers\.group(ed)?QueryAttention`/i, 'use multiHeadAttention'],
  [/`layers\.rmsNormalization`/i, 'it is called rootMeanSquareNormalization'],
  [/`layers\.einsumDense`/i, 'use dense, or matmul in defineLayer'],
  [/`layers\.reversibleEmbedding`/i, 'use an embedding and dense({ tiedTo })'],
  [/`layers\.spectralNormalization`/i, 'it is for adversarial networks of images'],
  [/`layers\.(elu|reLU|softmax|identity)`/i, 'use activation({ activation })'],
  // Options of layers.
  [/lora|quantizationConfig/, 'low-rank adaptation and quantised training are not there'],
  [/flashAttention/, 'attention is computed in one way'],
  [/`dropoutFunc`/, 'dropout is part of the engine'],
  [/Cell` `(activityRegularizer|trainable|dtype|name)/, 'the layer that runs the cell has it'],
  [/`additiveAttention` `scoreMode`/i, 'it has one score'],
  // Activations, initializers, regularizers.
  [
    /activation '(celu|glu|hardShrink|hardSilu|hardSwish|hardTanh|logSigmoid|softShrink|sparsePlus|sparseSigmoid|sparsemax|squareplus|tanhShrink|threshold)'/,
    'use the layer lambda, defineLayer or defineCell',
  ],
  [/lstm activation '(softmax|logSoftmax|gelu_new)'/, 'a cell has functions of single elements; use defineCell'],
  [/activation null/, "give 'linear', which null means there"],
  [/activation as a function/, 'use the layer lambda, defineLayer or defineCell'],
  [/a Python name/, 'names are in camelCase; the message names them'],
  [/stft/i, 'it is for audio'],
  [/className: 'GlorotUniform'/, 'this form is for saved models; give a name or initializers.*()'],
  [/a function of a shape/, 'set weights by setWeights'],
  [/orthogonal_?Regularizer/i, 'use addLoss in defineLayer'],
  // Losses and metrics.
  [
    /(focal|dice|tversky|circle|GeneralizedCrossEntropy)/i,
    'it is for classes of images; write it as a function of (yTrue, yPred)',
  ],
  [/IoU/, 'it is for masks of images'],
  [/'r2Score'/, 'it needs all rows at once; r2Score of seqloom is a metric'],
  [/losses\.\w+` `(axis|name|dtype)`/i, 'the classes are the last dimension, and losses have no names'],
  // Optimizers, schedules, callbacks.
  [/optimizers\.(multiOptimizer|optimizerMap|scheduleFree)/i, 'use one optimizer for all weights'],
  [/(optimizers\.\w+|Decay\w*)` `name`/i, 'an optimizer and a schedule have no name'],
  [/`lossScaleFactor`/, 'weights are float32, whose gradients need no scale'],
  [/optimizers\.muon` `(muon|exclude|adam|rmsRate|nsSteps)/i, 'it has one form'],
  [/`optimizers\.adam\(0\.01\)`/, 'options are an object: optimizers.adam({ learningRate: 0.01 })'],
  [/callbacks\.remoteMonitor/i, 'log from onEpochEnd, or use csvLogger'],
  [
    /callbacks\.(progbarLogger|history|lambdaCallback)/i,
    'fit has verbose, and resolves to the history; callbacks are objects of hooks',
  ],
  [/callbacks\.orbax/i, 'it belongs to JAX; use backupAndRestore'],
  [/`filepath`/, 'the option is called path or file'],
  [/reduceLROnPlateau` `(baseline|\w+)`/i, 'it has no such option'],
  [
    /`doubleCheckpoint`|`initialValueThreshold`|`saveWeightsOnly`/,
    'the whole model is saved, by replacing the folder at once',
  ],
  [/hook `onTrainBatch/, 'it is called onBatchEnd'],
  // Training.
  [/`classWeight`/, 'it needs classes: the loss of this row has none'],
  [
    /compile `(weightedMetrics|stepsPerExecution|autoScaleLoss)`|`weightedMetrics`/,
    'metrics take no weights; a step is one native call',
  ],
  [/`validationSplit: null`/, 'leave it out'],
  [/`validationFreq`/, 'validation ends every epoch'],
  // Methods of models and layers.
  [
    /`(model|layer)\.(addMetric|addVariable|addWeight|addLoss|call|computeMask|computeOutputSpec|build)`/,
    'use defineLayer, defineCell, or a function as a loss',
  ],
  [
    /`model\.(trainStep|testStep|predictStep|make\w+Function|compute\w*|statelessCall|statelessComputeLoss|compiledLoss|compiledMetrics)`/,
    'training is one native call; use fit, trainOnBatch or gradients',
  ],
  [/`(model\.quantized|layer\.quantiz|(model|layer)\.getQuantization)/, 'a whole model is quantized: model.quantize'],
  [/`model\.(toJson|fromConfig|getConfig|export)`/, 'use toJSON, modelFromJSON and interop.toOnnx'],
  [
    /`model\.(buildNodeConversionMap|checkNumSamples|checkShape|findLayer|getDedupedMetricsNames|parseWeights)`/,
    inside,
  ],
  [/`(model|layer)\.(setMaskMetadata|updates)`/, inside],
  [/`tensor\.(dataToGPU|resize\w+)`/, images],
  [/`tf\.\w*(gpu|webgl|gpgpu|HalfFloat)\w*`/i, 'it is for browsers'],
  [
    /`tf\.(GPGPUContext|MathBackend\w+|KernelBackend|DataStorage|GraphModel|OptimizerConstructors|Environment)`/,
    backends,
  ],
  [
    /`tf\.(\w+_util|shared|kernel_impls|op|setPlatform|registerCallbackConstructor|enclosingPowerOfTwo|cosineWindow|broadcastArgs)`/,
    inside,
  ],
  [/`tf\.((un|de|copy|get)\w*(Kernel|Gradient|Op)\w*|findBackendFactory)`/i, backends],
  [/`tf\.(data|io|util)\.\w+`/, inside],
  [/`utils\.(arrayToImg|imgToArray|loadImg|saveImg|imageDataset\w+)`/, images],
  [/`utils\.audio\w+`/, 'it is for audio'],
  [/`utils\.(modelToDot|plotModel)`/, 'summary() lists the layers and their connections'],
  [/`utils\.(padSequences)`/, 'ragged arrays need no padding'],
  [/`utils\.(toCategorical|normalize)`/, 'the sparse losses take class numbers; normalization is a layer'],
  [/`utils\.(setRandomSeed|clearSession)`/, 'a seed is an option of a model'],
  [
    /`utils\.(textDataset|timeseriesDataset|splitDataset)\w*`/,
    'read files and cut windows with JavaScript; see tasks.forecaster',
  ],
  [/`batch_first=False`/, 'sequences are [batch, time, features]'],
]

/** [section, reason] for what is left. */
const sections = [
  ['Layers', 'write it with defineLayer'],
  ['Options of layers', 'this option is not there; see the guide for what takes its place'],
  ['Losses', 'write it as a function of (yTrue, yPred)'],
  ['Metrics', 'write it as a function of (yTrue, yPred)'],
  ['Optimizers', 'it is not there; the message names those that are'],
  ['Schedules', 'use optimizers.schedules, or set model.learningRate between epochs'],
  ['Callbacks', 'write an object with the hooks'],
  ['Methods and properties of models', python],
  ['Methods and properties of layers', python],
  ['Functions and classes at the top level', inside],
  ['Utilities of Keras', python],
]

/** The reason for a row; undefined if there is none. */
export const reasonFor = (item, title) =>
  items.find(([pattern]) => pattern.test(item))?.[1] ?? sections.find(([each]) => each === title)?.[1]
