"""What stands on the diagrams, in English and in Chinese."""

from __future__ import annotations

_WORDS: dict[str, dict[str, str]] = {
    "en": {
        "to_image": "{network}: {start} numbers become an image of {end}",
        "to_answer": "{network}: an image of {start} becomes {end}",
        "to_any": "{network}: {start} → {end}",
        "one_number": "one number",
        "numbers": "{count} numbers",
        "parameters": "{count} parameters",
        "sample": "sample {place} of a batch of {batch}",
        "at_step": "training step {step}",
        "train": "train mode",
        "eval": "eval mode",
        "mixed": "train and eval mode mixed",
        "seed": "seed {seed}",
        "more": "… {count} more",
        "beside": "{count} calls beside this way are left out",
        "broken": "the way could not be followed all through: what it shows is the longest part",
        "same": "same {count} numbers",
        "first": "first {shown} of {count}",
        "skip": "skip",
        "noise": "noise z",
        "image": "image",
        "real": "image x",
        "height": "Height: width in features, log scale",
        "colours": "Colour: one sample's values, each block to its own ± limit",
        "arrows": "On the arrows: parameters",
        "thinned": "evenly spaced values of large tensors",
        "maps": "{shown} of {count} maps",
        "stretched": "{low} … {high}, stretched",
        "range": "{low} … {high}",
        "fake_end": "generated",
        "real_end": "real",
        "score": "score",
        "higher": "higher: more real",
        "probability": "taken for real: {percent}",
        "no_values": "no values",
        "bad": "{count} NaN or infinite",
        "and_more": "and {count} more",
    },
    "zh": {
        "to_image": "{network}：{start} 个数变成 {end} 的图像",
        "to_answer": "{network}：{start} 的图像变成{end}",
        "to_any": "{network}：{start} → {end}",
        "one_number": "一个数",
        "numbers": " {count} 个数",
        "parameters": "{count} 个参数",
        "sample": "第 {place} 个样本，批大小 {batch}",
        "at_step": "训练第 {step} 步",
        "train": "训练模式",
        "eval": "评估模式",
        "mixed": "训练与评估模式混合",
        "seed": "随机种子 {seed}",
        "more": "… 另有 {count} 层",
        "beside": "省略了不在此路径上的 {count} 次调用",
        "broken": "路径无法完整追踪，图中为其最长部分",
        "same": "同样的 {count} 个数",
        "first": "{count} 个中的前 {shown} 个",
        "skip": "跳跃连接",
        "noise": "噪声 z",
        "image": "图像",
        "real": "图像 x",
        "height": "高度：特征数（对数刻度）",
        "colours": "颜色：单个样本的数值，各层按自身 ± 范围",
        "arrows": "箭头上：参数个数",
        "thinned": "大张量按等间隔取值",
        "maps": "{count} 张特征图中的 {shown} 张",
        "stretched": "{low} … {high}（已拉伸）",
        "range": "{low} … {high}",
        "fake_end": "生成",
        "real_end": "真实",
        "score": "得分",
        "higher": "越高越真实",
        "probability": "判为真实：{percent}",
        "no_values": "无数值",
        "bad": "{count} 个 NaN 或无穷大",
        "and_more": "另有 {count} 个",
    },
}
_NETWORKS_ZH = {"generator": "生成器", "discriminator": "判别器"}


class Words:
    """The words of one language.

    Args:
        language: ``en`` or ``zh``.
    """

    def __init__(self, language: str) -> None:
        self.language = language
        self._words = _WORDS[language]

    def __call__(self, name: str, **values: object) -> str:
        """The phrase `name` with its blanks filled in."""
        return self._words[name].format(**values)

    def network(self, name: str) -> str:
        """A network's name; one that is called by its role is translated."""
        return _NETWORKS_ZH.get(name, name) if self.language == "zh" else name

    @property
    def separator(self) -> str:
        """Stands between remarks."""
        return " · " if self.language == "en" else "　"
