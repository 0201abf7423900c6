"""ANDES model of a load whose power is set from outside at every step.

ANDES's own loads cannot do this job: `PQ` shares one voltage dependence over all devices, `FLoad` has one exponent
a device, `ZIP` freezes its power at initialisation, and none of them has a solution in a deep sag when its power
is constant. This one takes part in the power flow too, so that a run starts in equilibrium at any voltage.
"""

from andes.core import ExtAlgeb, IdxParam, Model, ModelData, NumParam
from andes.core.discrete import LessThan


class ControlledLoadData(ModelData):
    """Parameters of `ControlledLoad`: power in system per-unit, shares that add up to one."""

    def __init__(self) -> None:
        super().__init__()
        self.bus = IdxParam(model="ACNode", info="connected bus", mandatory=True, status_parent=True)
        self.p = NumParam(default=0.0, info="active power at 1 pu voltage", unit="p.u.", power=False)
        self.q = NumParam(default=0.0, info="reactive power at 1 pu voltage", unit="p.u.", power=False)
        self.kz = NumParam(default=0.0, info="constant-impedance share")
        self.ki = NumParam(default=0.0, info="constant-current share")
        self.kp = NumParam(default=1.0, info="constant-power share")
        self.vmin = NumParam(default=0.7, info="constant impedance below this voltage", unit="p.u.")


class ControlledLoad(ControlledLoadData, Model):
    r"""ZIP load that becomes a constant impedance below ``vmin``, continuous at the border.

    .. math::
        P = p \, s(V), \quad Q = q \, s(V), \quad
        s(V) = k_z V^2 + k_i V + k_p \;\; (V \ge V_{min}), \quad
        s(V) = s(V_{min}) (V / V_{min})^2 \;\; (V < V_{min})

    Write ``p.v`` and ``q.v`` before a step to set the power at the end of that step.
    """

    def __init__(self, system, config) -> None:  # type: ignore[no-untyped-def]
        ControlledLoadData.__init__(self)
        Model.__init__(self, system, config)
        self.group = "DynLoad"
        self.flags.pflow = True
        self.flags.tds = True
        self.a = ExtAlgeb(model="Bus", src="a", indexer=self.bus, ename="P")
        self.v = ExtAlgeb(model="Bus", src="v", indexer=self.bus, ename="Q")
        self.low = LessThan(u=self.v, bound=self.vmin, equal=False, enable=True)
        shape = "(low_z0 * (kz*v**2 + ki*v + kp) + low_z1 * (kz*vmin**2 + ki*vmin + kp) * v**2 / vmin**2)"
        self.a.e_str = f"ue * p * {shape}"
        self.v.e_str = f"ue * q * {shape}"
