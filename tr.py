# 3-minute try of the training loop on one core
import time,torch,numpy as np,itertools
from digits_train.data import unipen
from digits_train.camera.materials import make_materials
from digits_train.camera.presets import REAL_PAPER
from digits_train.data.recognizer_batches import RecognizerBatches
from digits_train.models.recognizer import Recognizer
from digits_train.tasks.recognition import predict,evaluate_outputs
torch.set_num_threads(1); torch.manual_seed(0)
m=make_materials(unipen.load(),0,REAL_PAPER,300,1500)
b=RecognizerBatches(m,0,32,2,1); net=Recognizer(); opt=torch.optim.AdamW(net.parameters(),2e-3,betas=(.9,.99))
print(sum(p.numel() for p in net.parameters()))
t=time.time(); step=0
while time.time()-t<200:
    for batch in b[step]:
        net.train()
        with torch.autocast('cpu',torch.bfloat16): out=net(batch.inputs)
        loss=net.loss(out,batch.targets).mean(); opt.zero_grad(); loss.backward(); torch.nn.utils.clip_grad_norm_(net.parameters(),5.); opt.step()
    step+=1
    if step%20==0: print(step*256,round(time.time()-t),round(loss.item(),3),flush=True)
v=RecognizerBatches(m,99,50).first(500)
print(evaluate_outputs(v,predict(net,v))[0])
