"""Every classifier of `keras.applications`: the pictures that it takes, and where its weights are published.

Source: Keras 3.15, `keras/src/applications`; a test holds the table against it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from scoring.networks.pixel_scales import PixelScale
from scoring.networks.published_files import PublishedFile

_BUCKET = "https://storage.googleapis.com/tensorflow/keras-applications/"
_KERNELS = "_weights_tf_dim_ordering_tf_kernels"
_CACHED_AS = {"NASNet-large.h5": "nasnet_large.h5", "NASNet-mobile.h5": "nasnet_mobile.h5"}
_SHA256_DIGITS = 64


@dataclass(frozen=True)
class Application:
    """A classifier of ImageNet's 1,000 classes.

    Attributes:
        class_name: Its name in `keras.applications`.
        size: Height and width of the pictures that it was trained on.
        pixels: The scale that it takes; 0 to 255 where the network itself preprocesses.
        weights: Where ImageNet's weights are published.
    """

    class_name: str
    size: int
    pixels: PixelScale
    weights: PublishedFile

    @property
    def name(self) -> str:
        """What `model` says: `resnet50`, `efficientnetv2b0`, `convnextbase`."""
        return self.class_name.lower()


def _family(
    name: str, pixels: PixelScale, url: str, variants: Mapping[str, tuple[int, str | None]]
) -> Iterator[Application]:
    """Classifiers of one scale: by variant, the size and the digits of the checksum, MD5 or SHA-256."""
    for variant, (size, digits) in variants.items():
        checksum = digits and f"{'sha256' if len(digits) == _SHA256_DIGITS else 'md5'}:{digits}"
        yield Application(name + variant, size, pixels, _file(url.format(variant.lower()), checksum))


def _file(url: str, checksum: str | None) -> PublishedFile:
    name = url.rpartition("/")[2]
    return PublishedFile(url, checksum, _CACHED_AS.get(name, name))


_ALL = (
    *_family(
        "ConvNeXt",
        PixelScale.UNCHANGED,
        f"{_BUCKET}convnext/convnext_{{}}.h5",
        {
            "Tiny": (224, "8ae6e78ce2933352b1ef4008e6dd2f17bc40771563877d156bc6426c7cf503ff"),
            "Small": (224, "ce1277d8f1ee5a0ef0e171469089c18f5233860ceaf9b168049cb9263fd7483c"),
            "Base": (224, "52cbb006d3dadd03f6e095a8ca1aca47aecdd75acb4bc74bce1f5c695d0086e6"),
            "Large": (224, "070c5ed9ed289581e477741d3b34beffa920db8cf590899d6d2c67fba2a198a6"),
            "XLarge": (224, "c1f5ccab661354fc3a79a10fa99af82f0fbf10ec65cb894a3ae0815f17a889ee"),
        },
    ),
    *_family(
        "DenseNet",
        PixelScale.TORCH,
        f"{_BUCKET}densenet/densenet{{}}{_KERNELS}.h5",
        {
            "121": (224, "9d60b8095a5708f2dcce2bca79d332c7"),
            "169": (224, "d699b8f76981ab1b30698df4c175e90b"),
            "201": (224, "1ceb130c1ea1b78c3bf6114dbdfd8807"),
        },
    ),
    *_family(
        "EfficientNetB",
        PixelScale.UNCHANGED,
        "https://storage.googleapis.com/keras-applications/efficientnetb{}.h5",
        {
            "0": (224, "902e53a9f72be733fc0bcb005b3ebbac"),
            "1": (240, "1d254153d4ab51201f1646940f018540"),
            "2": (260, "b15cce36ff4dcbd00b6dd88e7857a6ad"),
            "3": (300, "ffd1fdc53d0ce67064dc6a9c7960ede0"),
            "4": (380, "18c95ad55216b8f92d7e70b3a046e2fc"),
            "5": (456, "ace28f2a6363774853a83a0b21b9421a"),
            "6": (528, "165f6e37dce68623721b423839de8be5"),
            "7": (600, "8c03f828fec3ef71311cd463b6759d99"),
        },
    ),
    *_family(
        "EfficientNetV2",
        PixelScale.UNCHANGED,
        f"{_BUCKET}efficientnet_v2/efficientnetv2-{{}}.h5",
        {
            "B0": (224, "21ecbf6da12460d5c40bb2f29ceb2188"),
            "B1": (240, "069f0534ff22adf035c89e2d9547a9dc"),
            "B2": (260, "424e49f28180edbde1e94797771950a7"),
            "B3": (300, "1f1fc43bd98a6e4fd8fdfd551e02c7a0"),
            "S": (384, "e1d88a8495beba45748fedd0cecbe016"),
            "M": (480, "a3bf6aa3276309f4fc6a34aa114c95cd"),
            "L": (480, "27e6d408b53c7ebc868fefa357689935"),
        },
    ),
    *_family(
        "InceptionResNetV2",
        PixelScale.SIGNED,
        f"{_BUCKET}inception_resnet_v2/inception_resnet_v2{_KERNELS}.h5",
        {"": (299, "e693bd0210a403b3192acc6073ad2e96")},
    ),
    *_family(
        "InceptionV3",
        PixelScale.SIGNED,
        f"{_BUCKET}inception_v3/inception_v3{_KERNELS}.h5",
        {"": (299, "9a0d58056eeedaa3f26cb7ebd46da564")},
    ),
    *_family("MobileNet", PixelScale.SIGNED, f"{_BUCKET}mobilenet/mobilenet_1_0_224_tf.h5", {"": (224, None)}),
    *_family(
        "MobileNetV2",
        PixelScale.SIGNED,
        f"{_BUCKET}mobilenet_v2/mobilenet_v2{_KERNELS}_1.0_224.h5",
        {"": (224, None)},
    ),
    *_family(
        "MobileNetV3",
        PixelScale.UNCHANGED,
        f"{_BUCKET}mobilenet_v3/weights_mobilenet_v3_{{}}_224_1.0_float.h5",
        {
            "Large": (224, "59e551e166be033d707958cf9e29a6a7"),
            "Small": (224, "8768d4c2e7dee89b9d02b2d03d65d862"),
        },
    ),
    *_family(
        "NASNet",
        PixelScale.SIGNED,
        f"{_BUCKET}nasnet/NASNet-{{}}.h5",
        {
            "Large": (331, "11577c9a518f0070763c2b964a382f17"),
            "Mobile": (224, "020fb642bf7360b370c678b08e0adf61"),
        },
    ),
    *_family(
        "ResNet",
        PixelScale.CAFFE,
        f"{_BUCKET}resnet/resnet{{}}{_KERNELS}.h5",
        {
            "50": (224, "2cb95161c43110f7111970584f804107"),
            "101": (224, "f1aeb4b969a6efcfb50fad2f0c20cfc5"),
            "152": (224, "100835be76be38e30d865e96f2aaae62"),
        },
    ),
    *_family(
        "ResNet",
        PixelScale.SIGNED,
        f"{_BUCKET}resnet/resnet{{}}{_KERNELS}.h5",
        {
            "50V2": (224, "3ef43a0b657b3be2300d5770ece849e0"),
            "101V2": (224, "6343647c601c52e1368623803854d971"),
            "152V2": (224, "a49b44d1979771252814e80f8ec446f9"),
        },
    ),
    *_family(
        "VGG",
        PixelScale.CAFFE,
        f"{_BUCKET}vgg{{0}}/vgg{{0}}{_KERNELS}.h5",
        {
            "16": (224, "64373286793e3c8b2b4e3219cbf3544b"),
            "19": (224, "cbe5617147190e668d6c5d5026f83318"),
        },
    ),
    *_family(
        "Xception",
        PixelScale.SIGNED,
        f"{_BUCKET}xception/xception{_KERNELS}.h5",
        {"": (299, "0a58e3b7378bc2990ea3b43d5981f1f6")},
    ),
)
IMAGENET, CATS_DOGS = "-imagenet", "-cats-dogs"  # what may follow a name
APPLICATIONS: Mapping[str, Application] = {application.name: application for application in _ALL}


def applications_like(name: str) -> list[str]:
    """Names of networks that are spelled much like this one, the nearest first."""
    return get_close_matches(name.casefold().replace("-", "").replace("_", ""), APPLICATIONS)


def application_of(name: str) -> Application | None:
    """The classifier that `resnet50`, `resnet50-imagenet` or `resnet50-cats-dogs` means; None if it is of none."""
    suffix = next((suffix for suffix in (IMAGENET, CATS_DOGS) if name.endswith(suffix)), "")
    return APPLICATIONS.get(name.removesuffix(suffix))
