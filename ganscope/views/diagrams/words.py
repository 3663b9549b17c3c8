"""What stands on the diagrams, in English and in Chinese."""

from __future__ import annotations

from collections.abc import Sequence

from ganscope.views import style
from ganscope.views.steps.cast import joined

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
        "more": "… {count} blocks",
        "more_one": "… 1 block",
        "sum": "Σ {count}",
        "dashed": "Dashed arrow: blocks left out, Σ all parameters up to the next one",
        "beside": "calls beside this way, left out: {count}",
        "broken": "the way could not be followed all through: what it shows is the longest part",
        "same": "same {count} numbers",
        "first": "first {shown} of {count}",
        "failed": "the forward failed in {where}",
        "skip": "skip",
        "more_skips": "skips left out: {count}",
        "unseen": "further outputs, not drawn: {count}",
        "further": "output {place}",
        "label": "label",
        "condition": "condition",
        "fails_whole": "{network}: the forward fails",
        "fails": "{network}: the forward fails in {where}",
        "got": "got {what}",
        "expects": "expects {what}",
        "no_output": "no output",
        "hatched_bad": "hatched pixels: NaN or infinite",
        "noise": "noise z",
        "image": "image",
        "real": "image x",
        "data": "data x",
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
        "batch": "batch of {batch}",
        "stats_title": "{network}: what its layers put out",
        "ridges": "Ridges: how the values of a layer's whole output are distributed, "
        "each to its own ± limit",
        "backward_stats": "‖∇‖: L2 norm of the gradient at a layer's output",
        "logs": "Dots: log scale",
        "rows_hidden": "layers left out: {count}",
        "input": "input",
        "values": "values",
        "std": "standard deviation",
        "gradient_column": "gradient ‖∇‖",
        "ratio_column": "update/weight",
        "training": "Training: {steps} recorded steps, {first} to {last}",
        "losses": "losses",
        "answers": "the discriminator's answers",
        "lost": "✗ no finite figure: NaN, infinite, or none came",
        "failed_step": "failed in step {step}: {message}",
        "step_axis_note": "Across: training steps",
        "no_answers": "no discriminator answered",
        "heat": "gradient ‖∇‖ of each weight, log scale",
        "never": "none recorded",
        "step_title": "Training step {step}: {updates}",
        "learns": "{numeral} {name} learns",
        "update": "{numeral} Update of {name}",
        "times": "the last of {count}",
        "moved": "gradient {gradient}",
        "ratio": "update/weight {ratio}",
        "unused": "gradients unused",
        "still": "not moved",
        "loss": "loss",
        "real_images": "real images",
        "forward": "→ forward",
        "backward": "⇠ gradient, its L2 norm ‖∇‖",
        "filled": "filled: moved by the update",
        "cut": "// {how}: no gradient passes",
        "before_after": "D before: D(x) {real}, D(G(z)) {fake} · after: D(x) {real_after}, "
        "D(G(z)) {fake_after}",
        "chains": "chains left out: {count}",
        "hatched": "hatched: no values were kept (--keep-samples)",
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
        "more": "… {count} 块",
        "more_one": "… 1 块",
        "sum": "Σ {count}",
        "dashed": "虚线箭头：省略的块，Σ 为到下一块的全部参数",
        "beside": "省略了不在此路径上的 {count} 次调用",
        "broken": "路径无法完整追踪，图中为其最长部分",
        "same": "同样的 {count} 个数",
        "first": "{count} 个中的前 {shown} 个",
        "failed": "前向计算在 {where} 处失败",
        "skip": "跳跃连接",
        "more_skips": "另有 {count} 条跳跃连接",
        "unseen": "另有 {count} 个输出未画出",
        "further": "输出 {place}",
        "label": "标签",
        "condition": "条件",
        "fails_whole": "{network}：前向计算失败",
        "fails": "{network}：前向计算在 {where} 处失败",
        "got": "得到 {what}",
        "expects": "期望 {what}",
        "no_output": "无输出",
        "hatched_bad": "斜线像素：NaN 或无穷大",
        "noise": "噪声 z",
        "image": "图像",
        "real": "图像 x",
        "data": "数据 x",
        "height": "高度：特征数（对数刻度）",
        "colours": "颜色：单个样本的数值，各层按自身 ± 范围",
        "arrows": "箭头上：参数个数",
        "thinned": "大张量按等间隔取值",
        "maps": "{count} 张特征图中的 {shown} 张",
        "stretched": "{low} … {high}, 已拉伸",
        "range": "{low} … {high}",
        "fake_end": "生成",
        "real_end": "真实",
        "score": "得分",
        "higher": "越高越真实",
        "probability": "判为真实：{percent}",
        "no_values": "无数值",
        "bad": "{count} 个 NaN 或无穷大",
        "and_more": "另有 {count} 个",
        "batch": "批大小 {batch}",
        "stats_title": "{network}：各层的输出",
        "ridges": "山脊：一层全部输出值的分布，各按自身 ± 范围",
        "backward_stats": "‖∇‖：该层输出处梯度的 L2 范数",
        "logs": "圆点：对数刻度",
        "rows_hidden": "省略 {count} 层",
        "input": "输入",
        "values": "数值",
        "std": "标准差",
        "gradient_column": "梯度 ‖∇‖",
        "ratio_column": "更新/权重",
        "training": "训练：记录了 {steps} 步，第 {first} 至 {last} 步",
        "losses": "损失",
        "answers": "判别器的回答",
        "lost": "✗ 无有限数值：NaN、无穷大或缺失",
        "failed_step": "第 {step} 步失败：{message}",
        "step_axis_note": "横轴：训练步",
        "no_answers": "没有判别器的回答",
        "heat": "各权重的梯度 ‖∇‖（对数刻度）",
        "never": "无记录",
        "step_title": "训练第 {step} 步：{updates}",
        "learns": "{numeral} {name}学习",
        "update": "{numeral} 更新{name}",
        "times": "{count} 次中的最后一次",
        "moved": "梯度 {gradient}",
        "ratio": "更新/权重 {ratio}",
        "unused": "梯度未使用",
        "still": "不更新",
        "loss": "损失",
        "real_images": "真实图像",
        "forward": "→ 前向",
        "backward": "⇠ 梯度及其 L2 范数 ‖∇‖",
        "filled": "填充：被本次更新",
        "cut": "// {how}：梯度不通过",
        "before_after": "更新前：D(x) {real}，D(G(z)) {fake}；更新后：D(x) {real_after}，"
        "D(G(z)) {fake_after}",
        "chains": "另有 {count} 条链",
        "hatched": "斜线：未保存数值（--keep-samples）",
    },
}
_NETWORKS_ZH = {"generator": "生成器", "discriminator": "判别器"}


def number(value: float | None) -> str:
    """A number as a person reads it, with a true minus sign."""
    return style.format_number(value).replace("-", "−")


class Words:
    """The words of one language.

    Args:
        language: ``en`` or ``zh``.
    """

    def __init__(self, language: str) -> None:
        self.language = language
        self._words = _WORDS[language]

    def __call__(self, name: str, /, **values: object) -> str:
        """The phrase `name` with its blanks filled in."""
        return self._words[name].format(**values)

    def network(self, name: str) -> str:
        """A network's name; one that is called by its role is translated."""
        return _NETWORKS_ZH.get(name, name) if self.language == "zh" else name

    def called(self, name: str) -> str:
        """A network in a sentence: ``the generator`` where it is called by its role."""
        if self.language == "en" and name in _NETWORKS_ZH:
            return f"the {name}"
        return style.printable(self.network(name))

    def joined(self, names: Sequence[str]) -> str:
        """``a``, ``a and b``, ``a, b and c``."""
        if self.language == "en":
            return joined(names)
        return "、".join(names)

    def origin(self, name: str) -> str:
        """``G(z) of ①`` in the language's order of words."""
        what, of, where = name.partition(" of ")
        return f"{where} 的 {what}" if of and self.language == "zh" else name

    @property
    def comma(self) -> str:
        """Stands between parts of a sentence."""
        return ", " if self.language == "en" else "，"

    @property
    def separator(self) -> str:
        """Stands between remarks; wide Chinese spaces are misplaced in PDF files."""
        return " · "
