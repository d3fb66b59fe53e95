"""Differentiable ops: ``name_vjp(arrays, *, static) -> (value, pullback)``.

The pullback takes the cotangent of the value (an array of its shape) and returns a tuple with one cotangent per
positional argument, of its shape and dtype. It is linear, pure, and can be called again. Residuals are kept, not
copied: do not write into the arguments between forward and backward pass. `table.OPS` lists all ops.

>>> from classmat.ops import fusion_vjp
>>> alpha, pullback = fusion_vjp([[0.5]], [[0.5]], [[1.0]])
>>> F_bar, U_bar, alpha_raw_bar = pullback([[1.0]])
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["table"],
    submod_attrs={
        "alpha_losses": [
            "alpha_loss_vjp",
            "alpha_weights",
            "compositional_loss_vjp",
            "premultiplied_loss_vjp",
            "weighted_alpha_loss_vjp",
        ],
        "blur": ["blur_vjp"],
        "box": ["box_mean_vjp", "box_sum_vjp"],
        "composite": ["composite_vjp"],
        "cross_entropy": ["cross_entropy_vjp"],
        "feathering": ["feathering_vjp"],
        "fusion": ["fusion_vjp"],
        "guided": ["guided_filter_vjp"],
        "laplacian": ["laplacian_apply_vjp"],
        "matting_layer": ["matting_layer_vjp"],
        "knn_affinity": ["knn_affinity_vjp"],
        "modnet_losses": [
            "consistency_loss_vjp",
            "detail_keeping_loss_vjp",
            "detail_loss_vjp",
            "matte_loss_vjp",
            "semantic_loss_vjp",
            "semantic_target_vjp",
        ],
        "resize": ["resize_vjp"],
        "softmax": ["softmax_vjp"],
        "solve": ["solve_vjp"],
        "structure_losses": ["gradient_loss_vjp", "laplacian_pyramid_loss_vjp"],
        "table": ["OPS"],
    },
)
